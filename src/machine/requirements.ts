import { inotifyNeeds } from '#machine/inotify.ts';
import { gigabytes } from '#machine/disk.ts';

/** The smallest version or amount of each thing, with the reason. Nothing else in the doctor names one. */
export const oldest = {
  /** Runs TypeScript as it is, without a flag. */
  node: '22.22.0',
  /** The one whose `npm ci` reads lock files of version 3. */
  npm: '7.0.0',
  /** The one that kind 0.33 still supports. */
  docker: '20.10.0',
  /** The first that fetches the newer toolchain a module asks for, through the module proxy. */
  go: '1.21.0',
  /** A trio of clusters with Istio and its workloads takes 3.6 GB. */
  memoryBytes: 4e9,
} as const;

/** `required` for every run, `build` to make images where they cannot be pulled, `advised` and `optional` never stop one. */
export type Need = 'required' | 'build' | 'advised' | 'optional';
export type State = 'found' | 'missing' | 'too old' | 'too little' | 'fails';

/** One line of the doctor. */
export interface Finding {
  name: string;
  need: Need;
  state: State;
  /** What was seen: a version, an amount, or the engine's complaint. */
  seen: string;
  /** What is wanted, as a person reads it: `22.22 or later`. */
  wanted: string;
  /** The command that mends it; absent when nothing is wrong. */
  mend?: string;
  /** Debian packages that mend it, which `npm start` installs by itself. */
  packages?: string[];
}

/** What a program printed for its version, as x.y.z with a missing part as 0; undefined when no version is in it. */
export function versionIn(text: string): string | undefined {
  const [, major, minor, patch] = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text) ?? [];
  return major === undefined ? undefined : `${major}.${minor}.${patch ?? 0}`;
}

/** Whether a version is at least as new as another; both as x.y.z. */
export function atLeast(version: string, least: string): boolean {
  return version.localeCompare(least, 'en', { numeric: true }) >= 0;
}

/** How a program is looked at: what it printed for its version, or undefined when there is none. */
export interface ProgramNeed {
  name: string;
  need: Need;
  least?: string;
  mend: string;
  packages?: string[];
  /** Why it is wanted. */
  purpose: string;
}

/** @param printed what the program said of its version; undefined when it was not found */
export function programFinding({ name, need, least, mend, packages, purpose }: ProgramNeed, printed?: string): Finding {
  const version = printed === undefined ? undefined : versionIn(printed);
  const wanted = least === undefined ? purpose : `${least.replace(/(\.0)+$/, '')} or later, ${purpose}`;
  const remedy = { mend, ...(packages && { packages }) };
  if (printed === undefined) return { name, need, wanted, state: 'missing', seen: '', ...remedy };
  const fits = least === undefined || (version !== undefined && atLeast(version, least));
  const seen = version ?? 'found';
  return fits
    ? { name, need, wanted, state: 'found', seen }
    : { name, need, wanted, state: 'too old', seen, ...remedy };
}

/** @param have in bytes */
export function amountFinding(name: string, have: number, least: number, mend: string): Finding {
  const shared = { name, need: 'required' as const, seen: gigabytes(have), wanted: `${gigabytes(least)} or more` };
  return have >= least ? { ...shared, state: 'found' } : { ...shared, state: 'too little', mend };
}

/** @param limits as the kernel has them now */
export function inotifyFinding(limits: Record<keyof typeof inotifyNeeds, number>): Finding {
  const pairs = Object.entries(inotifyNeeds) as [keyof typeof inotifyNeeds, number][];
  const short = pairs.filter(([limit, least]) => limits[limit] < least);
  const shared = {
    name: 'inotify limits',
    need: 'advised' as const,
    seen: pairs.map(([limit]) => limits[limit]).join(', '),
    wanted: `${pairs.map(([, least]) => least).join(', ')} for several clusters`,
  };
  if (short.length === 0) return { ...shared, state: 'found' };
  const mend = `sysctl -w ${short.map(([limit, least]) => `fs.inotify.${limit}=${least}`).join(' ')}`;
  return { ...shared, state: 'too little', mend };
}

/** Whether a run can start: all that is required is there, and what builds need where nothing can be pulled. */
export function isReady(findings: readonly Finding[], canPull: boolean): boolean {
  return findings.every(
    ({ need, state }) => state === 'found' || !(need === 'required' || (need === 'build' && !canPull)),
  );
}
