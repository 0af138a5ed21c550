import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ownFolder } from './folders.mjs';
import { withLock } from './lock.mjs';
import { npm } from './npm.mjs';
import { NotReady, say } from './tell.mjs';

/** @typedef {{ packages?: Record<string, { version?: string, integrity?: string }> }} Lockfile */

/**
 * Makes sure that node_modules is what package-lock.json says. A stamp inside node_modules holds the hash of the
 * package-lock.json it was made from, so that a second start reads two files and no more.
 * @param {string} root of the repository
 * @param {string} cache
 * @returns {Promise<string>} the stamp
 */
export async function ensureDependencies(root, cache) {
  const lockfile = await readFile(resolve(root, 'package-lock.json'), 'utf8').catch(() => {
    throw new NotReady('package-lock.json is missing: this is not a whole clone');
  });
  const wanted = stampOf(lockfile);
  const stamp = resolve(ownFolder(root), 'stamp');
  const isDone = async () => (await readFile(stamp, 'utf8').catch(() => '')) === wanted;
  if (await isDone()) return wanted;
  const lock = resolve(cache, 'locks', `dependencies-${hash(root).slice(0, 12)}.lock`);
  await withLock(
    lock,
    async (alsoHeldBy) => {
      if (await isDone()) return;
      const installed = await readFile(resolve(root, 'node_modules/.package-lock.json'), 'utf8').catch(() => '{}');
      if (!isInstalled(JSON.parse(lockfile), JSON.parse(installed))) {
        say('installing npm packages (npm ci)');
        await npm(['ci', '--include=dev'], root, 'install the npm packages', alsoHeldBy);
      }
      // A folder that cannot be written: the next start compares again.
      await mkdir(ownFolder(root), { recursive: true })
        .then(() => writeFile(stamp, wanted))
        .catch(() => undefined);
    },
    () => say('waiting for another start that is installing npm packages'),
  );
  return wanted;
}

/**
 * Packages may hold binaries, so the stamp names the platform as well.
 * @param {string} lockfile content of package-lock.json
 */
export function stampOf(lockfile) {
  return `${hash(lockfile)} ${process.platform}-${process.arch}\n`;
}

/**
 * Whether npm already installed exactly this, say by `npm install` of a maintainer: its own record in node_modules then
 * holds the same packages. Packages for other platforms are in the first only.
 * @param {Lockfile} wanted package-lock.json
 * @param {Lockfile} installed node_modules/.package-lock.json
 */
export function isInstalled(wanted, installed) {
  const there = installed.packages ?? {};
  const same = Object.entries(there).every(([path, found]) => {
    const entry = wanted.packages?.[path];
    return entry !== undefined && entry.version === found.version && entry.integrity === found.integrity;
  });
  const required = Object.entries(wanted.packages ?? {}).filter(
    ([path, entry]) => path !== '' && !('optional' in entry) && !('devOptional' in entry),
  );
  return same && required.length > 0 && required.every(([path]) => path in there);
}

/** @param {string} text */
function hash(text) {
  return createHash('sha256').update(text).digest('hex');
}
