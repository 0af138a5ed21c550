import { readdir, readFile, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { cacheFolders } from '#machine/cache.ts';
import { docker, imageLabels } from '#machine/images/image-store.ts';

/** A second checkout or branch may go back and forth between contents; more than that is left-overs. */
const kept = 3;

/**
 * Removes what newer makes of a part have replaced, but for the last few. An image that a container uses stays.
 *
 * @param image whether the part is an image
 */
export async function removeOlder(part: string, image: boolean, signal?: AbortSignal): Promise<void> {
  await (image ? removeImages(part, signal) : removeFolders(part));
}

async function removeImages(part: string, signal: AbortSignal | undefined): Promise<void> {
  const filter = ['--filter', `label=${imageLabels.part}=${part}`];
  // Docker lists the newest first. An image made from ours has our labels too, under its own name.
  const listed = await docker(['image', 'ls', ...filter, '--format', '{{.Repository}}:{{.Tag}}'], { signal });
  const mine = listed.split('\n').filter((reference) => reference.startsWith(`meshwitness.local/${part}:`));
  for (const reference of mine.slice(kept)) await docker(['image', 'rm', reference], { signal }).catch(() => undefined);
}

async function removeFolders(part: string): Promise<void> {
  const names = (await readdir(cacheFolders.parts)).filter((name) => name.length === part.length + 13);
  const folders = names.filter((name) => name.startsWith(`${part}-`)).map((name) => resolve(cacheFolders.parts, name));
  const made = await Promise.all(folders.map(async (folder) => ({ folder, at: await madeAt(folder) })));
  const older = made.toSorted((a, b) => b.at.localeCompare(a.at)).slice(kept);
  await Promise.all(older.map(({ folder }) => rm(folder, { recursive: true, force: true })));
}

async function madeAt(folder: string): Promise<string> {
  const text = await readFile(resolve(folder, 'part.json'), 'utf8').catch(() => '{}');
  return (JSON.parse(text) as { madeAt?: string }).madeAt ?? '';
}
