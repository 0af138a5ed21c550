import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ownFolder } from './folders.mjs';
import { withLock } from './lock.mjs';
import { say } from './tell.mjs';

/** Raised when what bundle-libraries.mjs writes changes. */
const form = 1;

/**
 * @typedef {object} Index what a folder of bundled libraries holds
 * @property {string} stamp of the packages they were made from, and of the form
 * @property {string[]} files
 * @property {Record<string, string>} modules file of each library, by the name it is imported by
 */

/**
 * Has our own files import the libraries out of a few bundled files: to find and read their 1,300 files takes half a second
 * of each start. The bundle is made once for each package-lock.json. Whatever is wrong with it, node_modules is used.
 * @param {string} root of the repository
 * @param {string} stamp of the packages in node_modules
 */
export async function useLibraries(root, stamp) {
  const folder = resolve(ownFolder(root), 'libraries');
  const wanted = `${form} ${stamp}`;
  const index = readIndex(folder, wanted) ?? (await makeLibraries(root, folder, wanted));
  if (index === undefined) return;
  const urls = new Map(
    Object.entries(index.modules).map(([name, file]) => [name, pathToFileURL(resolve(folder, file)).href]),
  );
  const packages = pathToFileURL(resolve(root, 'node_modules/')).href;
  registerHooks({
    resolve(specifier, context, next) {
      const url = urls.get(specifier);
      if (url === undefined || context.parentURL?.startsWith(packages)) return next(specifier, context);
      return { url, format: 'module', shortCircuit: true };
    },
  });
}

/**
 * The index of a folder when it was made from these packages and is whole.
 * @param {string} folder
 * @param {string} stamp
 * @returns {Index | undefined}
 */
export function readIndex(folder, stamp) {
  try {
    /** @type {Index} */
    const index = JSON.parse(readFileSync(resolve(folder, 'index.json'), 'utf8'));
    const there = new Set(readdirSync(folder));
    return index.stamp === stamp && index.files.every((file) => there.has(file)) ? index : undefined;
  } catch {
    return undefined;
  }
}

/** @type {(root: string, folder: string, stamp: string) => Promise<Index | undefined>} */
async function makeLibraries(root, folder, stamp) {
  try {
    await withLock(`${folder}.lock`, async (alsoHeldBy) => {
      if (readIndex(folder, stamp)) return;
      say('bundling the libraries, for fast starts from now on');
      const part = `${folder}.part`;
      await rm(part, { recursive: true, force: true });
      await bundle([root, part, stamp], alsoHeldBy);
      await rm(folder, { recursive: true, force: true });
      await rename(part, folder);
    });
  } catch {
    // A folder that cannot be written: node_modules does as well, only slower.
  }
  return readIndex(folder, stamp);
}

/**
 * In a process of its own, as it needs more memory than we are given.
 * @type {(args: string[], onStart: (pid: number) => Promise<void>) => Promise<void>}
 */
function bundle(args, onStart) {
  const { promise, resolve: done, reject } = Promise.withResolvers();
  const program = resolve(import.meta.dirname, 'bundle-libraries.mjs');
  const child = execFile(process.execPath, [program, ...args], (error) => (error ? reject(error) : done(undefined)));
  if (child.pid !== undefined) void onStart(child.pid);
  process.once('exit', () => child.kill());
  return promise;
}
