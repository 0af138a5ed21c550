import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { lock } from 'proper-lockfile';
import { z } from 'zod';
import { labFolder } from '#lab/record.ts';
import { NotReadyError } from '#support/errors.ts';
import { paths } from '#support/paths.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';

const holder = z.object({
  pid: z.number(),
  since: z.string(),
  /** True when the run made the lab and would have taken it down. */
  made: z.boolean(),
});
/** The run that uses a lab. What it wrote is still there when it was killed. */
export type LabHolder = z.infer<typeof holder>;

/** A lab that only this process uses, until it lets go. */
export interface LabHold {
  /** The run before, when it was killed: what it left behind is for this run to clean up. */
  killed: LabHolder | undefined;
  /** Notes that this run makes the lab, so that a later one knows what to take down if this one is killed. */
  made: () => Promise<void>;
  /** Notes that nothing is left of the killed run. */
  cleaned: () => void;
  /** Lets go. What a killed run left and nobody cleaned up is still known to the next one. */
  release: () => Promise<void>;
}

/**
 * Takes a lab for one run.
 *
 * @throws NotReadyError when another run uses it
 */
export async function holdLab(name: string, say: (line: string) => void, signal?: AbortSignal): Promise<LabHold> {
  const file = resolve(paths.cache, 'locks', `lab-${name}.json`);
  await mkdir(resolve(file, '..'), { recursive: true });
  const take = () =>
    lock(labFolder(name), {
      realpath: false, // the lab may not exist yet
      lockfilePath: file.replace(/json$/, 'lock'),
      stale: timeouts.lockStaleMs,
      onCompromised: () => undefined, // nothing we hold is lost: a second run would only be refused later
    });
  const unlock = await take().catch(async (error: unknown) => {
    if ((error as { code?: string }).code !== 'ELOCKED') throw error;
    const other = await readHolder(file);
    if (other && isAlive(other.pid)) throw inUse(name, other);
    if (other) say(`a run on lab ${name} was killed: waiting for its lock to lapse`);
    const look = async (): Promise<Look<(() => Promise<void>) | LabHolder>> => {
      const now = await readHolder(file);
      return { done: now && isAlive(now.pid) ? now : await take() };
    };
    const found = await until(`lab ${name} to be let go`, look, {
      timeoutMs: timeouts.lockStaleMs * 2,
      intervalMs: timeouts.lockPollMs,
      ...(signal && { signal }),
    });
    if (typeof found === 'function') return found;
    throw inUse(name, found);
  });
  const killed = await readHolder(file);
  const own: LabHolder = { pid: process.pid, since: new Date().toISOString(), made: killed?.made ?? false };
  await write(file, own);
  let left = killed;
  return {
    killed,
    cleaned: () => (left = undefined),
    made: () => write(file, { ...own, made: true }),
    release: async () => {
      if (left) await write(file, { ...left, pid: 0, made: false });
      else await rm(file, { force: true });
      await unlock().catch(() => undefined);
    },
  };
}

function inUse(name: string, { pid, since }: LabHolder): NotReadyError {
  return new NotReadyError(
    `lab ${name} is in use by another run (process ${pid}, since ${since.slice(11, 19)} UTC)`,
    'wait for it, or use a lab of your own: --name other',
  );
}

async function readHolder(file: string): Promise<LabHolder | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return holder.parse(JSON.parse(text));
  } catch {
    return { pid: 0, since: '', made: false }; // cut in the middle: its run was killed
  }
}

/** Whole or not at all: a kill leaves the old or the new one. */
async function write(file: string, content: LabHolder): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(content));
  await rename(`${file}.new`, file);
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
