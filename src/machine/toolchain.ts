import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import pLimit from 'p-limit';
import { canInstallPackages, findProgram, installPackages, type Say } from '#machine/host.ts';
import { NotReadyError } from '#support/errors.ts';
import { paths } from '#support/paths.ts';

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** Written to the standard input. */
  input?: string | Readable;
  /** Name of the log file that keeps the whole output. */
  log?: string;
  /** Called once, at the first output. */
  onOutput?: () => void;
}

/** A command that did not end well: what it was, its exit code, and the line that says why. */
export class CommandError extends NotReadyError {
  readonly output: string;
  constructor(command: string, code: number | null, output: string, log: string | undefined) {
    super(
      `${command} failed (exit ${code ?? 'by signal'}): ${telling(output)}`,
      log === undefined ? undefined : `the whole output is in ${log}`,
    );
    this.output = output;
  }
}

/**
 * Runs a command in a process group of its own; an abort ends the whole group, so no compiler outlives us.
 *
 * @returns its standard output
 * @throws CommandError with the telling line of its output; the signal's reason when aborted
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { signal, input } = options;
  signal?.throwIfAborted();
  const logFile = options.log === undefined ? undefined : resolve(paths.cache, 'logs', `${options.log}.log`);
  if (logFile) await mkdir(resolve(logFile, '..'), { recursive: true });
  const { promise, resolve: done, reject } = Promise.withResolvers<string>();
  const child = spawn(command, args, {
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    detached: true,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const log = logFile ? createWriteStream(logFile, { flags: 'a' }) : undefined;
  const [out, all]: [string[], string[]] = [[], []];
  const note = (text: string) => {
    if (all.length === 0) options.onOutput?.();
    all.push(text);
    log?.write(text);
  };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out.push(text);
    note(text);
  });
  child.stderr?.setEncoding('utf8').on('data', note);
  // A command that ends early closes its input; its exit code tells more than the broken pipe.
  child.stdin?.on('error', () => undefined);
  if (typeof input === 'string') child.stdin?.end(input);
  else if (input && child.stdin) input.pipe(child.stdin);
  const stop = () => killGroup(child.pid);
  signal?.addEventListener('abort', stop, { once: true });
  child.on('error', (cause: NodeJS.ErrnoException) =>
    reject(
      cause.code === 'ENOENT' ? new NotReadyError(`${command} is not installed`, './meshwitness doctor', cause) : cause,
    ),
  );
  child.on('close', (code) => {
    if (signal?.aborted) reject(signal.reason as Error);
    else if (code === 0) done(out.join(''));
    else reject(new CommandError([command, ...args.slice(0, 2)].join(' '), code, all.join(''), logFile));
  });
  try {
    return await promise;
  } finally {
    signal?.removeEventListener('abort', stop);
    log?.end();
  }
}

/**
 * Makes sure that a program of the machine is there; as root on Debian or Ubuntu it installs the packages that have it.
 *
 * @returns its path
 * @throws NotReadyError naming the program and the packages
 */
export function needTool(program: string, signal?: AbortSignal, say: Say = () => undefined): Promise<string> {
  return oneInstall(async () => {
    const found = await findProgram(program);
    if (found !== undefined) return found;
    const packages = debianPackages[program] ?? [program];
    const hint = `apt-get install ${packages.join(' ')}`;
    if (!(await canInstallPackages())) throw new NotReadyError(`${program} is not installed`, hint);
    await installPackages(packages, { say, ...(signal && { signal }) });
    const now = await findProgram(program);
    if (now === undefined) throw new NotReadyError(`${packages.join(', ')} did not bring ${program}`, hint);
    return now;
  });
}

const oneInstall = pLimit(1);

const debianPackages: Record<string, string[]> = {
  gcc: ['gcc', 'libc6-dev'],
  go: ['golang-go'],
  mmdebstrap: ['mmdebstrap', 'debian-archive-keyring'],
  python3: ['python3', 'python3-pip'],
};

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // It ended by itself just now.
  }
}

function telling(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  return (
    lines.findLast((line) => /error|fail|denied|cannot|no such|not found|refused/i.test(line)) ??
    lines.at(-1) ??
    'no output'
  );
}
