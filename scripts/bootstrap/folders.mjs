import { homedir, platform } from 'node:os';
import { resolve } from 'node:path';

/**
 * The user's cache folder for this project: the same one that env-paths gives src/support/paths.ts.
 * @param {NodeJS.ProcessEnv} env
 * @returns {string} absolute path, which may not exist yet
 */
export function cacheFolder(env = process.env, os = platform(), home = homedir()) {
  if (os === 'darwin') return resolve(home, 'Library/Caches/meshwitness');
  return resolve(env.XDG_CACHE_HOME || resolve(home, '.cache'), 'meshwitness');
}

/**
 * What the bootstrap keeps of this clone. It lies within node_modules, so that `npm ci` takes away what belongs to packages
 * that are no longer there.
 * @param {string} root of the repository
 */
export const ownFolder = (root) => resolve(root, 'node_modules/.meshwitness');
