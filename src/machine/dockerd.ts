import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, copyFile, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';
import { processLacksSysResource } from '#machine/capabilities.ts';
import { askEngine, type EngineInfo } from '#machine/docker.ts';
import type { MachineOptions } from '#machine/host.ts';
import { messageOf, NotReadyError } from '#support/errors.ts';
import { paths } from '#support/paths.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';

const runtimeName = 'meshwitness';
const folder = resolve(paths.cache, 'engine');
const logFile = resolve(folder, 'dockerd.log');
const wrapperName = 'runc-without-sys-resource';
/** Where dockerd and the containerd that it starts note their process ids. */
const pidFiles = { dockerd: '/var/run/docker.pid', containerd: '/var/run/docker/containerd/containerd.pid' } as const;

/**
 * Starts dockerd in a session of its own, so that it outlives us and sees no Ctrl-C, and waits until it answers. One that is
 * already on its way is waited for. Needs root.
 *
 * @throws NotReadyError with the last thing its log says, when it ends or does not answer in time
 */
export async function startDockerd(program: string, { say, signal }: MachineOptions): Promise<EngineInfo> {
  const running = await removeStalePidFiles();
  say(running === undefined ? `starting the Docker engine (${program})` : `waiting for dockerd (process ${running})`);
  const ended = running === undefined ? await launch(program) : new AbortController().signal;
  const answer = await until(
    'the Docker engine to answer',
    async () => {
      if (ended.aborted) return { done: undefined };
      const engine = await askEngine(signal);
      return 'silence' in engine ? { seen: engine.detail } : { done: engine };
    },
    { timeoutMs: timeouts.engineStartMs, ...(signal && { signal }) },
  );
  if (answer !== undefined) return answer;
  const reason = lastWords(await readFile(logFile, 'utf8').catch(() => ''));
  throw new NotReadyError(`dockerd ended at its start: ${reason}`, `less ${logFile}`);
}

/** @returns a signal that is aborted when the daemon ends */
async function launch(program: string): Promise<AbortSignal> {
  await mkdir(folder, { recursive: true });
  await rename(logFile, `${logFile}.previous`).catch(() => undefined);
  const args = (await processLacksSysResource()) ? ['--config-file', await configWithWrapper()] : [];
  const log = await open(logFile, 'a');
  try {
    const daemon = spawn(program, args, {
      cwd: '/',
      detached: true,
      env: daemonEnvironment(process.env),
      stdio: ['ignore', log.fd, log.fd],
    });
    const ended = new AbortController();
    daemon.once('error', () => ended.abort());
    daemon.once('exit', () => ended.abort());
    await once(daemon, 'spawn');
    daemon.unref();
    return ended.signal;
  } finally {
    await log.close();
  }
}

/**
 * Puts our runtime back where a daemon that we started looks for it, if the cache was emptied meanwhile: it is read each time
 * that a container starts.
 */
export async function restoreRuntime({ defaultRuntime }: EngineInfo): Promise<void> {
  if (defaultRuntime !== runtimeName) return;
  await access(resolve(folder, wrapperName)).catch(configWithWrapper);
}

/**
 * A daemon configuration of our own: the user's, which stays as it is, and our runtime as the default. The wrapper is
 * copied beside it, since containers outlive a clone that is moved.
 */
async function configWithWrapper(): Promise<string> {
  const wrapper = resolve(folder, wrapperName);
  await copyFile(resolve(paths.kind, 'host', wrapperName), `${wrapper}.new`);
  await chmod(`${wrapper}.new`, 0o755);
  await rename(`${wrapper}.new`, wrapper);
  const file = resolve(folder, 'daemon.json');
  const users = await readFile('/etc/docker/daemon.json', 'utf8').catch(() => '{}');
  await writeFile(file, `${JSON.stringify(withRuntime(readConfig(users), wrapper), null, 2)}\n`);
  return file;
}

interface DaemonConfig {
  runtimes?: Record<string, { path: string }>;
  [option: string]: unknown;
}

function readConfig(text: string): DaemonConfig {
  try {
    return JSON.parse(text) as DaemonConfig;
  } catch (cause) {
    throw new NotReadyError(
      `/etc/docker/daemon.json is no JSON: ${messageOf(cause)}`,
      'mend or remove that file',
      cause,
    );
  }
}

/** The same configuration with our runtime added and made the default. */
export function withRuntime(config: DaemonConfig, wrapper: string): DaemonConfig {
  const runtimes = { ...config.runtimes, [runtimeName]: { path: wrapper } };
  return { ...config, runtimes, 'default-runtime': runtimeName };
}

/** What the daemon should not inherit: settings of the npm or Node.js process that happened to start it. */
export function daemonEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !/^(npm_|NODE_|VITEST|INIT_CWD|FORCE_COLOR)/.test(name));
  return {
    ...Object.fromEntries(kept),
    PATH: [env.PATH ?? '', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(delimiter),
  };
}

/**
 * After a kill -9 or a restart of the machine the noted ids belong to nobody or to somebody else, and dockerd would
 * refuse to start, or wait in vain for its containerd.
 *
 * @returns the process id of a dockerd that does run
 */
async function removeStalePidFiles(): Promise<number | undefined> {
  const alive: Record<string, number> = {};
  for (const [name, file] of Object.entries(pidFiles)) {
    const pid = Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10);
    if (Number.isNaN(pid)) continue;
    const found = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    if (found.trim() === name) alive[name] = pid;
    else await rm(file, { force: true });
  }
  return alive.dockerd;
}

/** The reason in the tail of dockerd's log: what it failed with, else its last line, freed of logrus' fields. */
export function lastWords(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const failed =
    lines.findLast((line) => /^failed to|level=(fatal|error)/.test(line)) ?? lines.at(-1) ?? 'its log is empty';
  return /msg="((?:[^"\\]|\\.)*)"/.exec(failed)?.[1] ?? failed;
}
