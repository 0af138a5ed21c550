import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { NotReadyError } from '#support/errors.ts';

/** Everything built and one lab take about 8 GB; builds need room beside it. */
export const diskNeedBytes = 10e9;

/** A folder's file system with what an ordinary user may still write there, in bytes. */
export interface DiskSpace {
  path: string;
  device: number;
  freeBytes: number;
}

/** Free space where each folder lies or would be made. One entry per file system; folders of other machines are left out. */
export async function diskSpace(folders: string[]): Promise<DiskSpace[]> {
  const found = await Promise.all(folders.map((folder) => spaceAt(folder)));
  const spaces = found.filter((space) => space !== undefined);
  return spaces.filter((space, index) => spaces.findIndex(({ device }) => device === space.device) === index);
}

/**
 * @throws NotReadyError naming the folder and what is free there, when it is under the need
 */
export async function requireDisk(folders: string[], needBytes: number = diskNeedBytes): Promise<void> {
  const short = (await diskSpace(folders)).find(({ freeBytes }) => freeBytes < needBytes);
  if (!short) return;
  throw new NotReadyError(
    `${short.path} has ${gigabytes(short.freeBytes)} free, ${gigabytes(needBytes)} are needed`,
    'make room there (docker system df shows what images and containers take), or set XDG_CACHE_HOME to a larger disk',
  );
}

/** 12.3e9 → "12.3 GB" */
export const gigabytes = (bytes: number): string => `${Math.floor(bytes / 1e8) / 10} GB`;

async function spaceAt(folder: string): Promise<DiskSpace | undefined> {
  try {
    const [{ bavail, bsize }, { dev }] = await Promise.all([statfs(folder), stat(folder)]);
    return { path: folder, device: dev, freeBytes: bavail * bsize };
  } catch {
    const parent = dirname(folder);
    return parent === folder ? undefined : spaceAt(parent);
  }
}
