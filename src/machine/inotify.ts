import { readFile, writeFile } from 'node:fs/promises';
import type { Say } from '#machine/host.ts';
import { messageOf } from '#support/errors.ts';

/** What kind's page of known issues asks for: a node runs systemd, kubelet and containerd, which all watch files. */
export const inotifyNeeds = { max_user_instances: 512, max_user_watches: 524_288 } as const;

type Limit = keyof typeof inotifyNeeds;
const file = (limit: Limit): string => `/proc/sys/fs/inotify/${limit}`;

/** Current limits; a limit that the system does not have (not Linux) counts as enough. */
export async function inotifyLimits(): Promise<Record<Limit, number>> {
  const read = async (limit: Limit): Promise<number> =>
    Number(await readFile(file(limit), 'utf8').catch(() => Number.POSITIVE_INFINITY));
  const [max_user_instances, max_user_watches] = await Promise.all([
    read('max_user_instances'),
    read('max_user_watches'),
  ]);
  return { max_user_instances, max_user_watches };
}

/** The limits that are too low. */
export function tooLow(limits: Record<Limit, number>): Limit[] {
  return (Object.keys(inotifyNeeds) as Limit[]).filter((limit) => limits[limit] < inotifyNeeds[limit]);
}

/** Raises what is too low until the next restart of the machine. Needs root; says so when it is refused. */
export async function raiseInotify(say: Say): Promise<void> {
  for (const limit of tooLow(await inotifyLimits())) {
    const wanted = String(inotifyNeeds[limit]);
    await writeFile(file(limit), wanted).then(
      () => say(`raised fs.inotify.${limit} to ${wanted}, which several clusters need`),
      (error: unknown) => say(`cannot raise fs.inotify.${limit} to ${wanted}: ${messageOf(error)}`),
    );
  }
}
