import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ownFolder } from './folders.mjs';
import { withLock } from './lock.mjs';
import { npm } from './npm.mjs';
import { NotReady, say } from './tell.mjs';

/** @typedef {'all' | 'run'} Scope all packages, or those that running the harness takes */
/** @typedef {{ packages?: Record<string, { version?: string, integrity?: string, dev?: boolean }> }} Lockfile */

/**
 * Makes sure that node_modules is what package-lock.json says: all of it, or only what the command line takes, which is a
 * third. A stamp inside node_modules holds the hash of the package-lock.json it was made from, so that a second start reads
 * two files and no more.
 * @param {string} root of the repository
 * @param {string} cache
 * @param {Scope} scope what is needed
 * @returns {Promise<string>} the stamp of all packages
 */
export async function ensureDependencies(root, cache, scope) {
  const lockfile = await readFile(resolve(root, 'package-lock.json'), 'utf8').catch(() => {
    throw new NotReady('package-lock.json is missing: this is not a whole clone');
  });
  const all = stampOf(lockfile);
  const stamp = resolve(ownFolder(root), 'stamp');
  const isDone = async () => {
    const found = await readFile(stamp, 'utf8').catch(() => '');
    return found === all || (scope === 'run' && found === stampOf(lockfile, 'run'));
  };
  if (await isDone()) return all;
  const lock = resolve(cache, 'locks', `dependencies-${hash(root).slice(0, 12)}.lock`);
  await withLock(
    lock,
    async (alsoHeldBy) => {
      if (await isDone()) return;
      const made = await install(root, JSON.parse(lockfile), scope, alsoHeldBy);
      // A folder that cannot be written: the next start compares again.
      await mkdir(ownFolder(root), { recursive: true })
        .then(() => writeFile(stamp, stampOf(lockfile, made)))
        .catch(() => undefined);
    },
    () => say('waiting for another start that is installing npm packages'),
  );
  return all;
}

/**
 * @param {string} root
 * @param {Lockfile} lockfile
 * @param {Scope} scope
 * @param {(pid: number) => Promise<void>} alsoHeldBy
 * @returns {Promise<Scope>} what is there now
 */
async function install(root, lockfile, scope, alsoHeldBy) {
  const record = await readFile(resolve(root, 'node_modules/.package-lock.json'), 'utf8').catch(() => '{}');
  /** @type {Lockfile} */
  const there = JSON.parse(record);
  if (isInstalled(lockfile, there)) return 'all';
  // Who had those of tests and linters keeps them when package-lock.json changes.
  const all = scope === 'all' || Object.values(there.packages ?? {}).some(({ dev }) => dev);
  if (!isInstalled(lockfile, there, 'run')) {
    say('installing npm packages (npm ci)');
    await npm(['ci', all ? '--include=dev' : '--omit=dev'], root, 'install the npm packages', alsoHeldBy);
  } else if (all) {
    say('adding the npm packages of tests and linters (npm install)');
    // `npm ci` would take away what is there, which a run may be reading.
    await npm(['install', '--no-save', '--include=dev'], root, 'add the npm packages', alsoHeldBy);
  }
  return all ? 'all' : 'run';
}

/**
 * Packages may hold binaries, so the stamp names the platform as well.
 * @param {string} lockfile content of package-lock.json
 * @param {Scope} scope
 */
export function stampOf(lockfile, scope = 'all') {
  return `${hash(lockfile)} ${process.platform}-${process.arch}${scope === 'all' ? '' : ` ${scope}`}\n`;
}

/**
 * Whether npm already installed exactly this, say by `npm install` of a maintainer: its own record in node_modules then
 * holds the same packages. Packages for other platforms are in the first only.
 * @param {Lockfile} wanted package-lock.json
 * @param {Lockfile} installed node_modules/.package-lock.json
 * @param {Scope} scope what must be there; there may be more
 */
export function isInstalled(wanted, installed, scope = 'all') {
  const there = installed.packages ?? {};
  const same = Object.entries(there).every(([path, found]) => {
    const entry = wanted.packages?.[path];
    return entry !== undefined && entry.version === found.version && entry.integrity === found.integrity;
  });
  const required = Object.entries(wanted.packages ?? {}).filter(
    ([path, entry]) =>
      path !== '' && !('optional' in entry) && !('devOptional' in entry) && !(scope === 'run' && 'dev' in entry),
  );
  return same && required.length > 0 && required.every(([path]) => path in there);
}

/** @param {string} text */
function hash(text) {
  return createHash('sha256').update(text).digest('hex');
}
