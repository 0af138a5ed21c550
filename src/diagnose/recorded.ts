import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { course, type Course, type ProxyCourse } from '#support/certificates.ts';
import { messageOf, UsageError } from '#support/errors.ts';
import { Recording } from '#diagnose/recording.ts';

/** What was recorded elsewhere: courses as they are, and one made of pages. */
export interface Recorded {
  /** File or folder that it came from. */
  from: string;
  course: Course;
}

const wanted =
  'a course (course.json of --save), the evidence of a check that holds one, or what Envoy answers on /config_dump, /certs or /stats, or istioctl proxy-config secret -o json prints';

/**
 * Reads a folder: courses that were saved, evidence of checks, and raw pages of proxies as curl or istioctl saved them. Pages belong
 * to the pod that their folder or the beginning of their name tells: `front-end-7d9/certs.json`, `front-end-7d9.certs.json`.
 *
 * @param at when raw pages were taken; without it, the time of each file counts
 * @throws UsageError naming the file, what was expected and what is there
 */
export async function readRecorded(dir: string, at?: Date): Promise<Recorded[]> {
  const files = await filesOf(dir);
  const read = await Promise.all(files.map((file) => readOne(dir, file, at)));
  const courses = read.flatMap((each) => ('course' in each ? [each] : []));
  const pages = read.flatMap((each) => ('page' in each ? [each] : []));
  if (courses.length + pages.length === 0)
    throw new UsageError(`${dir} holds no recording of certificates: expected ${wanted}`);
  // The pages beside a course that was saved with them say the same again.
  const recorded = new Set(courses.flatMap(({ course: { proxies } }) => proxies.map(({ pod }) => pod)));
  const rest = pages.filter(({ pod }) => !recorded.has(pod));
  return [...courses, ...(rest.length === 0 ? [] : [{ from: dir, course: courseOf(rest) }])];
}

async function filesOf(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    throw new UsageError(`${dir} cannot be read: ${messageOf(error)}`, undefined, error);
  });
  const files = entries.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
  if (files.length === 0) throw new UsageError(`${dir} holds no file: expected ${wanted}`);
  return files.toSorted();
}

type Kind = 'dump' | 'certs' | 'counters';
interface PageFile {
  page: Kind;
  pod: string;
  at: Date;
  text: string;
  file: string;
}

async function readOne(
  dir: string,
  file: string,
  at: Date | undefined,
): Promise<Recorded | PageFile | { nothing: string }> {
  const text = await readFile(file, 'utf8');
  const pod = podOf(dir, file);
  const time = at ?? (await stat(file)).mtime;
  if (plainStats.test(text)) return { page: 'counters', pod, at: time, text, file };
  const json = parsed(text, file);
  const found = evidenceWithCourse.safeParse(json);
  const held = found.success ? found.data.facts.course : json;
  if (found.success || (typeof json === 'object' && json !== null && 'proxies' in json)) {
    const read = course.safeParse(held);
    if (read.success) return { from: file, course: read.data };
    throw new UsageError(`${file} is no course: ${problemOf(read.error)}`, `expected ${wanted}`);
  }
  // Evidence of a check that watched no certificates is no mistake among others that did.
  if (evidenceWithoutCourse.safeParse(json).success) return { nothing: file };
  const kind = pageKinds.find(([key]) => typeof json === 'object' && json !== null && key in json)?.[1];
  if (kind === undefined)
    throw new UsageError(`${file} is nothing that certificates can be read from: expected ${wanted}`);
  return { page: kind, pod, at: time, text: kind === 'dump' ? dumpText(json as Json) : text, file };
}

const evidenceWithCourse = z
  .looseObject({ facts: z.looseObject({ course: z.unknown() }) })
  .refine(({ facts }) => facts.course !== undefined);
const evidenceWithoutCourse = z.looseObject({
  check: z.string(),
  probes: z.array(z.unknown()),
  facts: z.looseObject({}),
});
const plainStats = /^[\w.;|:-]+: \d+$/m;
const pageKinds: [string, Kind][] = [
  ['configs', 'dump'],
  ['dynamicActiveSecrets', 'dump'],
  ['dynamic_active_secrets', 'dump'],
  ['certificates', 'certs'],
  ['stats', 'counters'],
];

type Json = Record<string, unknown>;

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file} is no JSON (${messageOf(error)}): expected ${wanted}`, undefined, error);
  }
}

/** istioctl prints the secrets alone, with keys in camel case: put back as Envoy has them. */
function dumpText(json: Json): string {
  if ('configs' in json) return JSON.stringify(json);
  const secrets = snakeCased(json) as Json;
  return JSON.stringify({ configs: [{ '@type': 'SecretsConfigDump', ...secrets }] });
}

function snakeCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCased);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snakeCased(each),
    ]),
  );
}

/** The folder that a page lies in, or its name up to what it is a page of. */
function podOf(dir: string, file: string): string {
  const folder = dirname(relative(dir, file));
  if (folder !== '.') return basename(folder);
  const own = basename(file).replace(/[._-]*(config[._-]?dump|certs|secrets?|stats)[\w-]*(\.\w+)?$/i, '');
  return own === '' ? basename(dir) : own;
}

function courseOf(pages: readonly PageFile[]): Course {
  const times = pages.map(({ at }) => at.getTime());
  const start = new Date(Math.min(...times));
  const byPod = Map.groupBy(
    pages.toSorted((a, b) => a.at.getTime() - b.at.getTime()),
    ({ pod }) => pod,
  );
  return {
    start: start.toISOString(),
    end: new Date(Math.max(...times)).toISOString(),
    lifetimeSeconds: 0,
    proxies: [...byPod].map(([pod, own]) => proxyOf(pod, own, start)),
    calls: [],
    loads: [],
    events: [],
  };
}

function proxyOf(pod: string, pages: readonly PageFile[], start: Date): ProxyCourse {
  const recording = new Recording({ workload: workloadOf(pod), namespace: '', pod }, start);
  for (const source of ['dump', 'certs', 'counters']) recording.silent(source, 'no page of it was recorded');
  for (const { page, at, text, file } of pages) {
    try {
      if (page === 'dump') recording.dump(at, text);
      else if (page === 'certs') recording.certs(at, text);
      else recording.counters(at, statsOf(text));
    } catch (error) {
      const problem = error instanceof z.ZodError ? problemOf(error) : messageOf(error);
      throw new UsageError(`${file} is no page of Envoy's: ${problem}`, `expected ${wanted}`, error);
    }
  }
  const proxy = recording.result();
  const uri = [...proxy.dump, ...proxy.handshake].flatMap(({ leaf }) => leaf?.uris ?? [])[0] ?? '';
  return { ...proxy, namespace: /\/ns\/(?<namespace>[^/]+)\//.exec(uri)?.groups?.['namespace'] ?? '' };
}

const jsonStats = z.object({
  stats: z.array(z.looseObject({ name: z.string().optional(), value: z.number().optional() })),
});

/** Without what a ReplicaSet and a Deployment add: `front-end-7d9c5bfc84-x2kqp`. */
const workloadOf = (pod: string): string => pod.replace(/-[a-z0-9]{8,10}-[a-z0-9]{5}$/, '');

/** `/stats` as text, or with `format=json`. */
function statsOf(text: string): Record<string, number> {
  const lines = text.startsWith('{')
    ? jsonStats.parse(JSON.parse(text)).stats.map(({ name, value }) => [name, value] as const)
    : text.split('\n').map((line) => {
        const at = line.lastIndexOf(': ');
        return [line.slice(0, Math.max(0, at)), Number(line.slice(at + 2))] as const;
      });
  return Object.fromEntries(
    lines.filter(
      (each): each is [string, number] => each[0] !== undefined && each[0] !== '' && Number.isFinite(each[1]),
    ),
  );
}

const problemOf = ({ issues: [first] }: z.ZodError): string =>
  first === undefined ? 'it does not fit' : `${first.path.join('.') || 'the whole'}: ${first.message}`;
