import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { paths } from '#support/paths.ts';

/** How a command ended. */
export interface Ended {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

/** A command of the harness in a process of its own, as a person would start it. */
export interface Started {
  kill: (signal: NodeJS.Signals) => void;
  ended: Promise<Ended>;
  /** Waits until it has said something on stderr that fits; gives the match. @throws Error when it ends without */
  said: (pattern: RegExp) => Promise<RegExpExecArray>;
}

/** Starts a command; what it says is kept from the first byte. */
export function start(...args: string[]): Started {
  const child = spawn(process.execPath, [resolve(paths.root, 'src/cli/main.ts'), ...args], {
    cwd: paths.root,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const news = new EventEmitter();
  let stderr = '';
  let open = true;
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    news.emit('news');
  });
  const ending = async (): Promise<Ended> => {
    const [stdout, [exitCode]] = await Promise.all([
      text(child.stdout),
      once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
    ]);
    open = false;
    news.emit('news');
    return { exitCode, stdout, stderr };
  };
  const ended = ending();
  const said = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const match = pattern.exec(stderr);
      if (match) return match;
      if (!open) throw new Error(`ended without saying ${pattern}: ${stderr}`);
      await once(news, 'news');
    }
  };
  return { kill: (signal) => void child.kill(signal), ended, said };
}

/** Runs a command to its end. */
export const run = (...args: string[]): Promise<Ended> => start(...args).ended;
