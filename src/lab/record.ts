import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { UsageError } from '#support/errors.ts';
import { paths } from '#support/paths.ts';

const labRecord = z.object({
  schema: z.literal(1),
  name: z.string(),
  topology: z.string(),
  hash: z.string(),
  nodeImage: z.string(),
  createdAt: z.string(),
  /** False until every cluster answered: what is found unfinished is replaced. */
  complete: z.boolean(),
});
export type LabRecord = z.infer<typeof labRecord>;

/** The lab that is meant when no name is given. */
export const defaultLabName = 'default';

/** Folder of one lab: kubeconfigs, the container network's file, and the record of what it was made from. */
export const labFolder = (name: string): string => resolve(paths.labs, name);
/** Kubeconfig of one cluster of a lab; the user's own is never written. */
export const kubeconfigOf = (lab: string, cluster: string): string => resolve(labFolder(lab), `${cluster}.kubeconfig`);

/** @throws UsageError when the name cannot be part of a container's name */
export function checkLabName(name: string): void {
  if (!/^[a-z][a-z0-9-]{0,29}$/.test(name))
    throw new UsageError(`"${name}" cannot name a lab: lower-case letters, digits and dashes, 30 at most`);
}

/** The record of a lab, or undefined when there is none that can be read. */
export async function readLab(name: string): Promise<LabRecord | undefined> {
  const text = await readFile(resolve(labFolder(name), 'lab.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return labRecord.parse(JSON.parse(text));
  } catch {
    return undefined; // cut in the middle or of an older version: the lab is replaced
  }
}

/** Writes the record in one step, so that a kill leaves the old or the new one. */
export async function writeLab(record: LabRecord): Promise<void> {
  const folder = labFolder(record.name);
  await mkdir(folder, { recursive: true });
  const file = resolve(folder, 'lab.json');
  await writeFile(`${file}.new`, JSON.stringify(record, undefined, 2));
  await rename(`${file}.new`, file);
}

/** Names of all labs that left a folder. */
export async function recordedLabs(): Promise<string[]> {
  return readdir(paths.labs).catch(() => []);
}

/** Forgets a lab: its folder goes, with the kubeconfigs. */
export async function forgetLab(name: string): Promise<void> {
  await rm(labFolder(name), { recursive: true, force: true });
}
