import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { paths } from '#support/paths.ts';

/** How a command of the harness ended. */
export interface Ended {
  exitCode: number;
  stdout: string;
  /** The last line on stderr: the one that a person reads. */
  said: string;
}

/** A command of the harness that runs in a process of its own. */
export interface Running {
  kill: (signal: NodeJS.Signals) => void;
  ended: Promise<Ended>;
}

/**
 * Starts a command of the harness as a person would: another process, with nothing shared but the machine.
 *
 * @param env added to the environment: `{ KUBECONFIG: file }`
 * @param progress `inherit` shows what it says while it runs
 */
export function start(
  args: readonly string[],
  signal: AbortSignal,
  env: Record<string, string> = {},
  progress: 'pipe' | 'inherit' = 'pipe',
): Running {
  const main = resolve(paths.root, 'src/cli/main.ts');
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, ...env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', progress],
    // Its own process group, so that a Ctrl-C at our terminal reaches it through us alone.
    detached: true,
  });
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  const ending = async (): Promise<Ended> => {
    const [stdout, stderr, [code, by]] = await Promise.all([
      child.stdout ? text(child.stdout) : '',
      child.stderr ? text(child.stderr) : '',
      once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
    ]);
    signal.removeEventListener('abort', stop);
    signal.throwIfAborted();
    const said = stderr.trim().split('\n').at(-1) ?? '';
    return { exitCode: code ?? (by === 'SIGKILL' ? 137 : 143), stdout, said };
  };
  return { kill: (how) => void child.kill(how), ended: ending() };
}

/** Runs a command of the harness to its end. */
export const run = (args: readonly string[], signal: AbortSignal, env?: Record<string, string>): Promise<Ended> =>
  start(args, signal, env).ended;

/** What `verify --json` printed of its first verdict, or nothing where it printed none. */
export function firstVerdict({ stdout }: Ended): { dir?: string; verdict?: string; dump?: string; attempts?: number } {
  try {
    const { dir, verdicts } = JSON.parse(stdout) as { dir: string; verdicts: { verdict: string; dump?: string }[] };
    return { dir, ...verdicts[0] };
  } catch {
    return {};
  }
}
