import { readdir } from 'node:fs/promises';
import { basename, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from '#support/errors.ts';
import { nearest } from '#support/nearest.ts';
import { paths } from '#support/paths.ts';
import type { Check } from '#verdict/check.ts';

/** A check, and where it stands: its YAML lies beside it. */
export interface CataloguedCheck extends Check {
  file: string;
  /** The YAML beside it, which not every check has. */
  manifestFile: string;
}

const suffix = '.check.ts';

/**
 * Every check of the suites, sorted by id.
 *
 * @throws UsageError when a file holds no check, or two claim one id
 */
export async function loadCatalogue(folder: string = paths.suites): Promise<CataloguedCheck[]> {
  return read(folder, await filesIn(folder));
}

/**
 * The part of the catalogue in which these words can be looked up: when each is the id of a check, the files that are named
 * after those; else all of it.
 */
export async function loadChecks(words: readonly string[], folder: string = paths.suites): Promise<CataloguedCheck[]> {
  const files = await filesIn(folder);
  const chosen = words.map((word) => files.filter((file) => isNamedAfter(file, word)));
  const known = words.length > 0 && chosen.every((found) => found.length > 0);
  return read(folder, known ? [...new Set(chosen.flat())] : files);
}

const isNamedAfter = (file: string, word: string): boolean =>
  /^[a-z]+-\d+$/i.test(word) && basename(file).startsWith(`${word.toLowerCase()}-`);

const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true })).filter((file) => file.endsWith(suffix));

async function read(folder: string, files: readonly string[]): Promise<CataloguedCheck[]> {
  const checks = await Promise.all(files.map((file) => load(resolve(folder, file))));
  const byId = Map.groupBy(checks, ({ id }) => id);
  for (const [id, [first, second]] of byId)
    if (first && second) throw new UsageError(`${shown(first.file)} and ${shown(second.file)} both claim the id ${id}`);
  return checks.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

async function load(file: string): Promise<CataloguedCheck> {
  const { default: found } = (await import(pathToFileURL(file).href)) as { default?: Partial<Check> };
  if (typeof found?.id !== 'string' || typeof found.judge !== 'function')
    throw new UsageError(`${shown(file)} has no check as its default export`);
  return { ...(found as Check), file, manifestFile: file.replace(suffix, '.yaml') };
}

const shown = (file: string): string => relative(paths.root, file) || basename(file);

export const profiles = ['smoke', 'core', 'full'] as const;
/** A named choice of checks: the headline ones, those of level core, or all. */
export type Profile = (typeof profiles)[number];

const inProfile: Record<Profile, (check: Check) => boolean> = {
  smoke: ({ tags }) => tags.includes('headline'),
  core: ({ level }) => level === 'core',
  full: () => true,
};

/**
 * The checks that a person named: by id, or by tag, system or level; a check is taken once. Without words it is the profile,
 * without either the core. With both, the words choose within the profile.
 *
 * @throws UsageError for a word that names nothing, with the nearest that does; or when nothing is left
 */
export function select(
  checks: readonly CataloguedCheck[],
  words: readonly string[],
  profile?: Profile,
): CataloguedCheck[] {
  for (const word of words) {
    if (checks.some((check) => named(check, word))) continue;
    const known = [...new Set([...checks.map(({ id }) => id), ...checks.flatMap(tagsOf)])];
    const hint = nearest(word, known, 'did you mean') ?? './meshwitness list';
    throw new UsageError(`no check and no tag is called "${word}"`, hint);
  }
  const wanted = profile ?? (words.length === 0 ? 'core' : 'full');
  const chosen = checks
    .filter(inProfile[wanted])
    .filter((check) => words.length === 0 || words.some((word) => named(check, word)));
  if (chosen.length === 0)
    throw new UsageError(`profile ${wanted} has none of: ${words.join(', ')}`, './meshwitness list');
  return chosen;
}

/**
 * The one check that a person named.
 *
 * @throws UsageError for an unknown id, with the nearest known one
 */
export function selectOne(checks: readonly CataloguedCheck[], id: string): CataloguedCheck {
  const found = checks.find((check) => check.id.toLowerCase() === id.toLowerCase());
  if (found) return found;
  const ids = checks.map((check) => check.id);
  throw new UsageError(
    `no check is called "${id}"`,
    nearest(id, ids, './meshwitness explain')?.replace('?', '') ?? './meshwitness list',
  );
}

/** Every nth check from the ith on, so that n machines share a run; i counts from 1. */
export function shardOf<T>(checks: readonly T[], { index, count }: Shard): T[] {
  return checks.filter((_, at) => at % count === index - 1);
}

export interface Shard {
  index: number;
  count: number;
}

/** @throws UsageError for anything but `i/n` with 1 ≤ i ≤ n */
export function parseShard(text: string): Shard {
  const [, index, count] = (/^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? []).map(Number);
  if (index === undefined || count === undefined || index < 1 || index > count)
    throw new UsageError(`--shard ${text}: expected i/n with i from 1 to n, such as 1/3`);
  return { index, count };
}

const tagsOf = ({ tags, system, level }: Check): string[] => [...tags, system, level];

function named(check: Check, word: string): boolean {
  const typed = word.toLowerCase();
  return check.id.toLowerCase() === typed || tagsOf(check).includes(typed);
}
