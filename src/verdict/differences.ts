import type { Evidence } from '#support/evidence.ts';
import type { Finding, RunRecord, VerdictLine } from '#verdict/result.ts';

type Difference = RunRecord['differences'][number];

/** One place where two control planes said different things. */
interface Place {
  where: string;
  left: string;
  right: string;
}

/**
 * What two control planes did differently in the same checks, in words. What differs from one run to the next (names of
 * namespaces, pods, probe ids, times) is no difference; one change that shows in many places is told once.
 *
 * @param evidenceOf the evidence that a line names; its access logs are compared too, as findings tell only what was asked
 */
export function differencesOf(
  lines: readonly VerdictLine[],
  evidenceOf: (line: VerdictLine) => Evidence | undefined = () => undefined,
): Difference[] {
  const own = lines.filter(({ twin, product }) => twin === undefined && product !== undefined);
  const found: Difference[] = [];
  for (const [id, [one, other]] of Map.groupBy(own, (line) => line.id)) {
    if (!one || !other) continue;
    const places = [
      ...findingDifferences(one, other),
      ...logDifferences([one, evidenceOf(one)], [other, evidenceOf(other)]),
    ];
    const products: [string, string] = [one.product ?? '', other.product ?? ''];
    for (const text of [...verdictDifference(one, other), ...inWords(places, products)]) found.push({ id, text });
  }
  return found;
}

function verdictDifference(one: VerdictLine, other: VerdictLine): string[] {
  if (one.verdict === other.verdict) return [];
  return [`${one.product} says ${one.verdict}, ${other.product} ${other.verdict}`];
}

/** A sentence for each change, with the first place that shows it. */
function inWords(places: readonly Place[], [one, other]: [string, string]): string[] {
  const groups = Map.groupBy(places, ({ left, right }) => JSON.stringify(changeOf(left, right)));
  return [...groups].map(([key, [first, ...more]]) => {
    const [added, taken] = JSON.parse(key) as [string, string];
    const { where = '', left = '', right = '' } = first ?? {};
    const elsewhere = more.length === 0 ? '' : ` (and in ${more.length} more places)`;
    const seen = `${where}: "${left}" under ${one}, "${right}" under ${other}${elsewhere}`;
    if (left !== '' && taken === '') return `${one} writes "${added}" where ${other} writes nothing; ${seen}`;
    if (right !== '' && added === '') return `${other} writes "${taken}" where ${one} writes nothing; ${seen}`;
    return seen;
  });
}

/** The middle parts in which two texts differ, without what they share at both ends. */
function changeOf(left: string, right: string): [string, string] {
  const least = Math.min(left.length, right.length);
  let start = 0;
  while (start < least && left[start] === right[start]) start += 1;
  let end = 0;
  while (end < least - start && left.at(-1 - end) === right.at(-1 - end)) end += 1;
  return [left.slice(start, left.length - end), right.slice(start, right.length - end)];
}

function findingDifferences(one: VerdictLine, other: VerdictLine): Place[] {
  const [ours, theirs] = [one, other].map(({ findings }) => new Map(findings.map((each) => [questionOf(each), each])));
  const places: Place[] = [];
  for (const question of new Set([...(ours?.keys() ?? []), ...(theirs?.keys() ?? [])])) {
    const [left, right] = [ours?.get(question), theirs?.get(question)];
    const { expectation = '', probe, witness } = left ?? right ?? {};
    const where = `${expectation}${probe === undefined ? '' : ` (${probe})`}, ${witness?.kind} ${witness?.from}`;
    const place = { where, left: said(left), right: said(right) };
    if (place.left !== place.right) places.push(place);
  }
  return places;
}

const said = (found: Finding | undefined): string =>
  found === undefined ? 'not asked' : `${usual(found.seen)}${found.state === 'met' ? '' : ` (${found.state})`}`;

const questionOf = ({ expectation, probe, witness }: Finding): string =>
  JSON.stringify([expectation, probe, witness.kind, usual(witness.from)]);

/** Fields of an access log in which control planes differ by their own ways; the others differ from call to call. */
const telling = [
  'upstreamCluster',
  'routeName',
  'responseCode',
  'responseFlags',
  'responseCodeDetails',
  'connectionTerminationDetails',
  'upstreamTransportFailureReason',
  'downstreamTlsVersion',
  'protocol',
] as const;

type Judged = [line: VerdictLine, evidence: Evidence | undefined];

function logDifferences([, left]: Judged, [, right]: Judged): Place[] {
  if (!left || !right) return [];
  const [ours, theirs] = [logOf(left), logOf(right)];
  const places: Place[] = [];
  for (const [where, [entry]] of ours) {
    const [their] = theirs.get(where) ?? [];
    if (!entry || !their) continue;
    const [probe, workload] = JSON.parse(where) as string[];
    for (const field of telling) {
      const [a, b] = [usual(String(entry[field] ?? 'nothing')), usual(String(their[field] ?? 'nothing'))];
      if (a !== b) places.push({ where: `${field} in the log of ${workload} (${probe})`, left: a, right: b });
    }
  }
  return places;
}

type LogEntry = NonNullable<Evidence['probes'][number]['accessLog']>[number]['entry'];

function logOf({ probes }: Evidence): Map<string, LogEntry[]> {
  const lines = probes.flatMap(({ name, accessLog = [] }) =>
    accessLog.map(({ proxy, entry }) => ({ where: JSON.stringify([name, proxy.workload, proxy.side]), entry })),
  );
  const grouped = Map.groupBy(lines, ({ where }) => where);
  return new Map([...grouped].map(([where, all]) => [where, all.map(({ entry }) => entry)]));
}

/** A text without what differs in any two runs: the suffix of the second control plane's namespaces, addresses, pods, ids. */
export function usual(text: string): string {
  return text
    .replaceAll(/\b([a-z][a-z0-9-]*?)-older\b/g, '$1')
    .replaceAll(/\b\d{1,3}(\.\d{1,3}){3}(:\d+)?/g, 'ADDRESS')
    .replaceAll(/-[a-z0-9]{8,10}-[a-z0-9]{5}\b/g, '-POD')
    .replaceAll(/\bmw-[a-z0-9-]+\b/g, 'ID')
    .replaceAll(/\b\d+(\.\d+)? ?ms\b/g, 'TIME');
}
