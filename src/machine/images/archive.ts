import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { z } from 'zod';
import { cacheFolders, partFolder, type PartRecord } from '#machine/cache.ts';
import { docker, inspectImage } from '#machine/images/image-store.ts';
import { run } from '#machine/toolchain.ts';
import type { ReadyPart } from '#machine/ready-part.ts';
import { NotReadyError, UsageError } from '#support/errors.ts';
import { paths } from '#support/paths.ts';

const manifest = z.object({
  schema: z.literal(1),
  platform: z.string(),
  folders: z.array(z.string().regex(/^[a-z0-9][a-z0-9.-]*$/)),
  images: z.array(z.string()),
});

const platform = `${process.platform}-${process.arch}`;

/**
 * Writes parts into one tar file, for a machine that reaches no registry: their images, files and records.
 *
 * @returns its path
 */
export async function saveParts(parts: readonly ReadyPart[], file: string, signal?: AbortSignal): Promise<string> {
  const target = resolve(file);
  return inScratch(async (scratch) => {
    const images = parts.flatMap(({ reference }) => (reference === undefined ? [] : [reference]));
    const folders = parts.map(({ part, hash }) => basename(partFolder(part, hash)));
    for (const folder of folders)
      await cp(resolve(cacheFolders.parts, folder), resolve(scratch, 'parts', folder), { recursive: true });
    if (images.length > 0) await docker(['save', '--output', resolve(scratch, 'images.tar'), ...images], { signal });
    const content: z.output<typeof manifest> = { schema: 1, platform, folders, images };
    await writeFile(resolve(scratch, 'meshwitness-images.json'), JSON.stringify(content, undefined, 2));
    // Written beside the target and renamed, so that an interruption leaves no half file under the final name.
    const half = `${target}.part`;
    await mkdir(dirname(target), { recursive: true });
    try {
      await run('tar', ['-C', scratch, '-cf', half, '.'], { signal });
      await rename(half, target);
    } finally {
      await rm(half, { force: true });
    }
    return target;
  });
}

/**
 * Takes parts from a file that {@link saveParts} wrote.
 *
 * @returns how many images and parts there were
 * @throws UsageError when the file is none of ours or for another platform
 */
export async function loadArchive(file: string, signal?: AbortSignal): Promise<{ parts: number; images: number }> {
  const source = resolve(file);
  return inScratch(async (scratch) => {
    await run('tar', ['-C', scratch, '-xf', source], { signal }).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw new UsageError(`${file} cannot be read as a tar file`, './meshwitness images save FILE', error);
    });
    const content = await readManifest(scratch, file);
    if (content.images.length > 0) await docker(['load', '--input', resolve(scratch, 'images.tar')], { signal });
    await mkdir(cacheFolders.parts, { recursive: true });
    for (const folder of await readdir(resolve(scratch, 'parts')).catch(() => [])) {
      if (!content.folders.includes(folder)) continue;
      await rm(resolve(cacheFolders.parts, folder), { recursive: true, force: true });
      await rename(resolve(scratch, 'parts', folder), resolve(cacheFolders.parts, folder));
    }
    await Promise.all(content.folders.map((folder) => trustLoaded(folder, signal)));
    return { parts: content.folders.length, images: content.images.length };
  });
}

/** Engines number the same image differently; what was just loaded under its record is the one to expect from now on. */
async function trustLoaded(folder: string, signal: AbortSignal | undefined): Promise<void> {
  const file = resolve(cacheFolders.parts, folder, 'part.json');
  const record = JSON.parse(await readFile(file, 'utf8')) as PartRecord;
  if (record.reference === undefined) return;
  const image = await inspectImage(record.reference, signal);
  if (image && image.id !== record.imageId)
    await writeFile(file, JSON.stringify({ ...record, imageId: image.id }, undefined, 2));
}

async function readManifest(scratch: string, file: string): Promise<z.output<typeof manifest>> {
  const text = await readFile(resolve(scratch, 'meshwitness-images.json'), 'utf8').catch(() => undefined);
  const read = manifest.safeParse(text === undefined ? undefined : JSON.parse(text));
  if (!read.success) throw new UsageError(`${file} was not written by images save`, './meshwitness images save FILE');
  if (read.data.platform === platform) return read.data;
  throw new NotReadyError(`${file} holds parts for ${read.data.platform}, this machine is ${platform}`);
}

/** In the cache, so that what is taken from it can be moved in place. */
async function inScratch<T>(work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(paths.cache, { recursive: true });
  const folder = await mkdtemp(resolve(paths.cache, '.archive-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
