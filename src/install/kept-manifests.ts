import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { paths } from '#support/paths.ts';

/**
 * What a tool makes of our values, made once and kept on this machine: to run it and to read what it wrote takes seconds.
 *
 * @param name with a hash of all that it is made from
 */
export async function kept<T>(name: string, make: () => Promise<T>): Promise<T> {
  const file = resolve(paths.cache, 'manifests', `${name}.json`);
  const before = await readFile(file, 'utf8').catch(() => undefined);
  if (before !== undefined) return JSON.parse(before) as T;
  const made = await make();
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.${process.pid}`, JSON.stringify(made));
  await rename(`${file}.${process.pid}`, file);
  return made;
}
