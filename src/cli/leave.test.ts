import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const leaving = (bytes: number, code: number): string =>
  `import { leave } from ${JSON.stringify(resolve(import.meta.dirname, 'leave.ts'))};
   process.stdout.write('x'.repeat(${bytes}));
   await leave(${code});`;

it('waits for a reader that is slower than the process, and tells the exit code', async () => {
  const bytes = 1_000_000;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', leaving(bytes, 3)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const closed = once(child, 'close');
  let read = 0;
  // A piece at a time, each in a turn of its own.
  for await (const piece of child.stdout as AsyncIterable<Buffer>) {
    read += piece.length;
    await new Promise((next) => setImmediate(next));
  }
  expect(read).toBe(bytes);
  expect(await closed).toEqual([3, null]);
});
