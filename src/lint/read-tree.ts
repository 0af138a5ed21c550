import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, extname, relative, resolve, sep } from 'node:path';
import type { Finding } from '#lint/finding.ts';
import { manifestsOf, type Manifest, type Source } from '#lint/manifest.ts';
import { readYamlText, unreadable } from '#lint/read-yaml.ts';
import { messageOf } from '#support/errors.ts';

/** A text that people or machines follow: a script, a Makefile, a page. */
export interface Guide {
  file: string;
  text: string;
}

/** What of a folder the rules look at. */
export interface Tree {
  /** Absolute path of the folder. */
  root: string;
  sources: Source[];
  manifests: Manifest[];
  guides: Guide[];
  /** Files that could not be read. */
  findings: Finding[];
  files: number;
}

const skipped = new Set(['.git', 'node_modules']);
const yaml = new Set(['.yaml', '.yml']);
const guides = /(?:\.(?:sh|bash|zsh|md|mk)|^(?:GNU)?[Mm]akefile|^[Jj]ustfile)$/;
/** The API server takes objects of 1.5 MB; a bundle of many is larger, and more than this is none that people write. */
const largest = 32 * 1024 * 1024;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads a folder. What cannot be read is a finding; links that leave the folder, or come back to it, are not followed. */
export async function readTree(dir: string): Promise<Tree> {
  const root = await realpath(dir);
  const tree: Tree = { root, sources: [], manifests: [], guides: [], findings: [], files: 0 };
  for (const path of await filesUnder(root, root, new Set())) {
    const file = relative(root, path).split(sep).join('/');
    const isYaml = yaml.has(extname(path).toLowerCase());
    const read = await readText(path);
    if ('why' in read) {
      if (isYaml) tree.findings.push(unreadable(file, 1, read.why));
    } else if (isYaml) {
      tree.files += 1;
      const { sources, findings } = readYamlText(file, read.text);
      tree.sources.push(...sources);
      tree.findings.push(...findings);
    } else tree.guides.push({ file, text: read.text });
  }
  tree.manifests = tree.sources.flatMap(manifestsOf);
  return tree;
}

async function filesUnder(folder: string, root: string, seen: Set<string>): Promise<string[]> {
  const real = await realpath(folder).catch(() => undefined);
  const inside = real === root || real?.startsWith(root.endsWith(sep) ? root : root + sep);
  if (real === undefined || inside !== true || seen.has(real)) return [];
  seen.add(real);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  // Templates of a chart are no YAML before Helm has filled them in.
  const chart = entries.some(({ name }) => name === 'Chart.yaml');
  const found: string[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (skipped.has(entry.name) || (chart && entry.name === 'templates')) continue;
    const path = resolve(folder, entry.name);
    const kind = entry.isSymbolicLink() ? await stat(path).catch(() => undefined) : entry;
    if (kind?.isDirectory()) found.push(...(await filesUnder(path, root, seen)));
    else if (kind?.isFile() && wanted(path) && (!entry.isSymbolicLink() || (await staysInside(path, root))))
      found.push(path);
  }
  return found;
}

const wanted = (path: string): boolean => yaml.has(extname(path).toLowerCase()) || guides.test(basename(path));

/** What a link means is read where it stands, so a link adds nothing but files that the walk would not meet. */
async function staysInside(path: string, root: string): Promise<boolean> {
  const real = await realpath(path).catch(() => root);
  return real.startsWith(root + sep) && !wanted(real);
}

async function readText(path: string): Promise<{ text: string } | { why: string }> {
  try {
    const { size } = await stat(path);
    if (size > largest) return { why: `has ${Math.round(size / 1024 / 1024)} MB: too large to be read` };
    return { text: utf8.decode(await readFile(path)) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return { why: 'is not UTF-8' };
    return { why: code === 'ENOENT' ? 'disappeared while it was read' : `cannot be read: ${messageOf(error)}` };
  }
}
