import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** A copy of the recorded run in a new folder, which a test may change. */
export async function copyRun(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'report-run-'));
  await cp(resolve(import.meta.dirname, 'run'), dir, { recursive: true });
  return dir;
}

/** Replaces a text in a file of the copy; throws when it is not there, so that no test passes by accident. */
export async function edit(dir: string, file: string, from: string, to: string): Promise<void> {
  const text = await readFile(join(dir, file), 'utf8');
  if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
  await writeFile(
    join(dir, file),
    text.replaceAll(from, () => to),
  );
}
