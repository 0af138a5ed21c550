import { appendFile, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const betweenLooksMs = 200;

/**
 * Runs `work` while no other process holds the lock file. A lock whose owners are gone (killed, machine restarted) is
 * taken over. `work` names the processes that it starts, as they may outlive us and still write.
 * @template T
 * @param {string} file
 * @param {(alsoHeldBy: (pid: number) => Promise<void>) => Promise<T>} work
 * @param {(owner: string) => void} onWait told once when somebody else holds the lock
 * @returns {Promise<T>}
 */
export async function withLock(file, work, onWait = () => {}) {
  await mkdir(dirname(file), { recursive: true });
  const mine = `${file}.${process.pid}`;
  await writeFile(mine, await identity(process.pid));
  let told = false;
  try {
    // A link appears with its content in one step, so that nobody ever reads a half-written owner.
    while (!(await tryLink(mine, file))) {
      const owner = await readFile(file, 'utf8').catch(() => '');
      if (owner !== '' && !(await isAlive(owner))) await takeAway(file, owner, mine);
      else {
        if (owner !== '' && !told) onWait(owner);
        told ||= owner !== '';
        await delay(betweenLooksMs);
      }
    }
    try {
      return await work(async (pid) => appendFile(file, await identity(pid)));
    } finally {
      await rm(file, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
  }
}

/** @type {(from: string, to: string) => Promise<boolean>} */
async function tryLink(from, to) {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Removes a dead owner's lock. Two processes may try at once: whoever finds that it moved a newer lock puts it back.
 * @type {(file: string, owner: string, mine: string) => Promise<void>}
 */
async function takeAway(file, owner, mine) {
  const aside = `${mine}.aside`;
  try {
    await rename(file, aside);
  } catch {
    return;
  }
  if ((await readFile(aside, 'utf8')) !== owner) await tryLink(aside, file);
  await rm(aside, { force: true });
}

/**
 * Process id and, where Linux tells it, its start time: ids are used again.
 * @param {number} pid
 */
async function identity(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name in parentheses may hold spaces; start time is the 20th field after it.
  return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''}\n`;
}

/** @param {string} owners content of a lock: lines of `identity` */
async function isAlive(owners) {
  const lines = owners.split('\n').filter((line) => line !== '');
  const alive = await Promise.all(
    lines.map(
      async (line) => exists(Number.parseInt(line, 10)) && (await identity(Number.parseInt(line, 10))) === `${line}\n`,
    ),
  );
  return alive.includes(true);
}

/** @param {number} pid */
function exists(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}
