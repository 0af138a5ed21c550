import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const program = resolve(import.meta.dirname, 'testing/long-work.ts');
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(resolve(tmpdir(), 'progress-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What a terminal gets on stderr while stdout goes into a file, and that file. */
async function onTerminal(steps: number, columns = 100): Promise<{ screen: string; stdout: string }> {
  const file = resolve(folder, `${steps}.json`);
  const command = `stty columns ${columns}; '${process.execPath}' '${program}' ${steps} >'${file}'`;
  const { stdout: screen } = await promisify(execFile)('script', [
    '--quiet',
    '--return',
    '--command',
    command,
    '/dev/null',
  ]);
  return { screen, stdout: await readFile(file, 'utf8') };
}

describe('progress on a terminal', () => {
  it('leaves stdout to the result', async () => {
    const { screen, stdout } = await onTerminal(3);
    expect(JSON.parse(stdout)).toEqual({ made: 'first' });
    expect(screen).not.toContain('"made"');
  });

  it('tells notes as they come, what is there in the end, and goes on by lines', async () => {
    const { screen } = await onTerminal(3);
    const lines = stripVTControlCharacters(screen).split(/[\r\n]+/);
    expect(lines).toContainEqual(expect.stringMatching(/no registry answers; building it instead$/));
    expect(lines).toContainEqual(expect.stringMatching(/Images and tools: 1 of 2 made$/));
    expect(lines).toContain('second: built in 2s');
  });

  it('is told by lines where the terminal does not know its size', async () => {
    const { screen } = await onTerminal(3, 0);
    expect(screen.split('\r\n')).toEqual([
      'no registry answers; building it instead',
      'first: step 0',
      'first: step 1',
      'first: step 2',
      'first: built in 1s',
      'second: built in 2s',
      '',
    ]);
  });

  it('does not grow with the time it takes', async () => {
    const [short, long] = [await onTerminal(100), await onTerminal(1000)];
    expect(long.screen.length).toBeLessThan(short.screen.length * 20);
  });
});
