import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { lock } from 'proper-lockfile';
import { z } from 'zod';
import { paths } from '#support/paths.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';

const partRecord = z.object({
  schema: z.literal(1),
  part: z.string(),
  version: z.string(),
  origin: z.enum(['pull', 'build']),
  hash: z.string(),
  module: z.string().optional(),
  /** Docker tag, for images. */
  reference: z.string().optional(),
  /** What Docker calls the image's content; another one under our tag means that it was tampered with. */
  imageId: z.string().optional(),
  /** Digest of the published image, for pulled ones. */
  digest: z.string().optional(),
  /** Size and modification time (ms) of each file, for parts that are files. */
  files: z.record(z.string(), z.object({ size: z.number(), mtimeMs: z.number() })).optional(),
  /** Names of the images that a node holds. */
  preloaded: z.array(z.string()).optional(),
  madeAt: z.string(),
  buildMs: z.number(),
});

/** What the cache keeps of a part that is ready. */
export type PartRecord = z.output<typeof partRecord>;

/** Where finished parts, work in progress and locks are. */
export const cacheFolders = {
  parts: resolve(paths.cache, 'parts'),
  work: resolve(paths.cache, 'parts', '.work'),
  locks: resolve(paths.cache, 'locks'),
};

/** Folder of one finished part. */
export function partFolder(part: string, hash: string): string {
  return resolve(cacheFolders.parts, `${part}-${hash.slice(0, 12)}`);
}

/** The record of a finished part, undefined when there is none or it was never finished. */
export async function readRecord(part: string, hash: string): Promise<PartRecord | undefined> {
  const text = await readFile(resolve(partFolder(part, hash), 'part.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const read = partRecord.safeParse(parseJson(text));
  return read.success && read.data.hash === hash ? read.data : undefined;
}

/** How long the newest build of a part took, in milliseconds, whatever its content was. */
export async function lastBuildMs(part: string): Promise<number | undefined> {
  const folders = await readdir(cacheFolders.parts).catch(() => []);
  const mine = folders.filter((folder) => folder.startsWith(`${part}-`) && folder.length === part.length + 13);
  const texts = mine.map((folder) =>
    readFile(resolve(cacheFolders.parts, folder, 'part.json'), 'utf8').catch(() => ''),
  );
  const records = (await Promise.all(texts)).map((text) => partRecord.safeParse(parseJson(text)).data);
  const built = records.filter((record) => record?.part === part && record.buildMs > 0);
  return built.toSorted((a, b) => (a?.madeAt ?? '').localeCompare(b?.madeAt ?? '')).at(-1)?.buildMs;
}

/**
 * An empty folder to make a part in; what interrupted runs left of the part is removed. The caller holds the part's lock.
 * Its name is new each time: a compiler that outlived a killed run must not write among our files.
 */
export async function openWork(part: string): Promise<string> {
  await mkdir(cacheFolders.work, { recursive: true });
  const left = (await readdir(cacheFolders.work)).filter((name) => name.startsWith(`${part}@`));
  await Promise.all(left.map((name) => rm(resolve(cacheFolders.work, name), { recursive: true, force: true })));
  const folder = await mkdtemp(resolve(cacheFolders.work, `${part}@`));
  await mkdir(resolve(folder, 'out'));
  return folder;
}

/** Moves the finished output in place, with its record, in one step. */
export async function keep(work: string, record: PartRecord): Promise<void> {
  const folder = partFolder(record.part, record.hash);
  await writeFile(resolve(work, 'out', 'part.json'), `${JSON.stringify(record, undefined, 2)}\n`);
  await rm(folder, { recursive: true, force: true });
  await rename(resolve(work, 'out'), folder);
  await rm(work, { recursive: true, force: true });
}

/** Size and time of the files of a folder, by their path in it. Only regular files at most two levels down count. */
export async function listFiles(folder: string): Promise<NonNullable<PartRecord['files']>> {
  const files: NonNullable<PartRecord['files']> = {};
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'part.json') continue;
    const { size, mtimeMs } = await stat(resolve(folder, entry.name));
    files[entry.name] = { size, mtimeMs };
  }
  return files;
}

/** Whether the files of a part are still those that were recorded. */
export async function filesFit(record: PartRecord): Promise<boolean> {
  const found = await listFiles(partFolder(record.part, record.hash)).catch(() => ({}));
  const expected = Object.entries(record.files ?? {});
  return (
    expected.length === Object.keys(found).length &&
    expected.every(([file, { size }]) => (found as NonNullable<PartRecord['files']>)[file]?.size === size)
  );
}

/**
 * Holds the lock of one part while `work` runs, so that two runs never make it twice.
 *
 * @throws NotReadyError when another run holds it for longer than any part takes
 */
export async function withLock<T>(part: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  const file = resolve(cacheFolders.locks, `part-${part}`);
  await mkdir(dirname(file), { recursive: true });
  const release = await until(
    `the run that is making ${part}`,
    async () => ({ done: await lock(file, { realpath: false, stale: timeouts.lockStaleMs }) }),
    { timeoutMs: timeouts.partLockMs, intervalMs: timeouts.lockPollMs, ...(signal && { signal }) },
  );
  try {
    return await work();
  } finally {
    await release().catch(() => undefined);
  }
}

/** A hash over values and the content of files and folders; names for which `skip` holds do not count. */
export async function contentHash(
  values: unknown,
  sources: readonly string[],
  skip: (name: string) => boolean = () => false,
): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(values));
  for (const source of sources)
    for (const file of await filesUnder(source, skip))
      hash.update(`\0${relative(source, file)}\0`).update(await readFile(file));
  return hash.digest('hex');
}

async function filesUnder(source: string, skip: (name: string) => boolean): Promise<string[]> {
  const info = await stat(source).catch(() => undefined);
  if (!info) return [];
  if (info.isFile()) return [source];
  const entries = await readdir(source, { withFileTypes: true });
  const kept = entries.filter(({ name }) => !skip(name)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const nested = await Promise.all(kept.map(({ name }) => filesUnder(resolve(source, name), skip)));
  return nested.flat();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
