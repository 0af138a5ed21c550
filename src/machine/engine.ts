import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { lock } from 'proper-lockfile';
import { $ } from 'zx/core';
import { processLacksSysResource } from '#machine/capabilities.ts';
import { askEngine, type EngineInfo, type Silence } from '#machine/docker.ts';
import { restoreRuntime, startDockerd } from '#machine/dockerd.ts';
import {
  canInstallPackages,
  findProgram,
  hasSystemd,
  installPackages,
  isRoot,
  type MachineOptions,
} from '#machine/host.ts';
import { raiseInotify } from '#machine/inotify.ts';
import { privilegedProblem } from '#machine/privileged.ts';
import { NotReadyError } from '#support/errors.ts';
import { paths } from '#support/paths.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';

const folder = resolve(paths.cache, 'engine');

/**
 * Makes sure of a Docker engine that runs privileged containers, which is what kind nodes are. One that answers is used as it
 * is; else, as root on Debian or Ubuntu, it is installed and started. To be called first by whatever needs containers:
 * with an engine at hand it costs one `docker info`.
 *
 * @throws NotReadyError saying why there is none and what to type
 */
export async function ensureEngine(options: MachineOptions): Promise<EngineInfo> {
  const { signal, say } = options;
  const first = await askEngine(signal);
  const engine = 'silence' in first ? await bringUp(first, options) : first;
  if (isRoot() && isLocal(process.env.DOCKER_HOST)) await raiseInotify(say);
  await requirePrivileged(engine, signal);
  return engine;
}

/** Whether DOCKER_HOST leaves the choice to us, or names this machine's own socket. */
export function isLocal(dockerHost: string | undefined): boolean {
  return dockerHost === undefined || dockerHost === '' || dockerHost === 'unix:///var/run/docker.sock';
}

async function bringUp(
  { silence, detail }: { silence: Silence; detail: string },
  options: MachineOptions,
): Promise<EngineInfo> {
  const host = process.env.DOCKER_HOST;
  if (silence !== 'no client' && !isLocal(host))
    throw new NotReadyError(`the Docker engine at ${host} does not answer: ${detail}`, 'check or unset DOCKER_HOST');
  if (silence === 'not allowed')
    throw new NotReadyError(`this user may not use the Docker engine: ${detail}`, 'sudo usermod -aG docker "$USER"');
  if (!isRoot())
    throw new NotReadyError('no Docker engine answers, and only root can start one', 'sudo systemctl start docker');
  await mkdir(folder, { recursive: true });
  const release = await lock(folder, { stale: 20_000, retries: { forever: true, maxTimeout: 1000 } });
  try {
    const again = await askEngine(options.signal);
    return 'silence' in again ? await installAndStart(options) : again;
  } finally {
    await release();
  }
}

async function installAndStart(options: MachineOptions): Promise<EngineInfo> {
  const wrapped = await processLacksSysResource();
  if (!(await findProgram('dockerd')) || !(await findProgram('docker'))) {
    if (!(await canInstallPackages()))
      throw new NotReadyError(
        'no Docker engine is installed, and it can be installed only on Debian or Ubuntu',
        'install Docker (docs.docker.com/engine/install), start it, and type the same command again',
      );
    if (!(await findProgram('dockerd'))) await installPackages(['docker.io'], options);
    // Newer Debian releases ship the client apart from the engine.
    if (!(await findProgram('docker'))) await installPackages(['docker-cli'], options);
    // The package's own start-up script may have started it, without the runtime that this machine needs.
    if (wrapped) await $({ quiet: true, nothrow: true })`service docker stop`;
  }
  if ((await hasSystemd()) && !wrapped) return startService(options);
  const program = await findProgram('dockerd');
  if (program === undefined)
    throw new NotReadyError('the package docker.io brought no dockerd', 'apt-get install docker.io');
  return startDockerd(program, options);
}

async function startService({ say, signal }: MachineOptions): Promise<EngineInfo> {
  say('starting the Docker engine (systemctl start docker)');
  const started = await $({ quiet: true, nothrow: true, ...(signal && { signal }) })`systemctl start docker`;
  signal?.throwIfAborted();
  if (started.exitCode !== 0)
    throw new NotReadyError('systemd could not start the Docker engine', 'systemctl status docker');
  return until(
    'the Docker engine to answer',
    async () => {
      const engine = await askEngine(signal);
      return 'silence' in engine ? { seen: engine.detail } : { done: engine };
    },
    { timeoutMs: timeouts.engineStartMs, ...(signal && { signal }) },
  );
}

/** Tries one privileged container, once for each engine: the answer is kept for as long as its id and runtime stay. */
async function requirePrivileged(engine: EngineInfo, signal: AbortSignal | undefined): Promise<void> {
  const known = resolve(folder, 'privileged');
  const key = `${engine.id} ${engine.version} ${engine.defaultRuntime}\n`;
  if ((await readFile(known, 'utf8').catch(() => '')) === key) return;
  await mkdir(folder, { recursive: true });
  await restoreRuntime(engine);
  const problem = await privilegedProblem(engine, signal);
  if (problem !== undefined) throw privilegedError(problem);
  await writeFile(known, key);
}

/** The error for an engine that cannot run kind nodes. */
export function privilegedError(problem: string): NotReadyError {
  return new NotReadyError(
    `the Docker engine cannot run privileged containers: ${problem}`,
    /unable to apply caps|fork\/exec/.test(problem)
      ? 'stop that engine (service docker stop) and type the same command again: it starts one with a runtime that fits'
      : 'kind nodes need them: use an engine that allows them, for instance by DOCKER_HOST',
  );
}
