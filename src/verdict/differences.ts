import type { Evidence } from '#support/evidence.ts';
import type { Finding, RunRecord, VerdictLine } from '#verdict/result.ts';

type Difference = RunRecord['differences'][number];

/**
 * What two control planes did differently in the same checks, in words. What differs from one run to the next (names of
 * namespaces, pods, probe ids, times) is no difference.
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
    const texts = [...verdictDifference(one, other), ...findingDifferences(one, other)];
    const logs = logDifferences([one, evidenceOf(one)], [other, evidenceOf(other)]);
    for (const text of new Set([...texts, ...logs])) found.push({ id, text });
  }
  return found;
}

function verdictDifference(one: VerdictLine, other: VerdictLine): string[] {
  if (one.verdict === other.verdict) return [];
  return [`${one.product} says ${one.verdict}, ${other.product} ${other.verdict}`];
}

function findingDifferences(one: VerdictLine, other: VerdictLine): string[] {
  const theirs = new Map(other.findings.map((each) => [questionOf(each), each]));
  const ours = new Map(one.findings.map((each) => [questionOf(each), each]));
  const texts: string[] = [];
  for (const [question, left] of ours) {
    const right = theirs.get(question);
    const where = `${left.expectation}${left.probe === undefined ? '' : ` (${left.probe})`}: ${left.witness.kind} ${left.witness.from}`;
    if (!right) texts.push(`${where} was asked under ${one.product} only`);
    else if (usual(left.seen) !== usual(right.seen) || left.state !== right.state)
      texts.push(
        `${where} saw "${usual(left.seen)}" under ${one.product}, "${usual(right.seen)}" under ${other.product}`,
      );
  }
  for (const [question, right] of theirs)
    if (!ours.has(question)) texts.push(`${right.expectation}: asked under ${other.product} only`);
  return texts;
}

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

/** One text a field and proxy, however many probes show it. */
function logDifferences([one, left]: Judged, [other, right]: Judged): string[] {
  if (!left || !right) return [];
  const [ours, theirs] = [logOf(left), logOf(right)];
  const texts: string[] = [];
  for (const [where, entries] of ours) {
    const [entry] = entries;
    const [their] = theirs.get(where) ?? [];
    if (!entry || !their) continue;
    const [, workload] = JSON.parse(where) as string[];
    for (const field of telling) {
      const [a, b] = [usual(String(entry[field] ?? '')), usual(String(their[field] ?? ''))];
      if (a !== b)
        texts.push(
          `the log of ${workload} says ${field} ${shown(a)} under ${one.product}, ${shown(b)} under ${other.product}`,
        );
    }
  }
  return texts;
}

type LogEntry = NonNullable<Evidence['probes'][number]['accessLog']>[number]['entry'];

function logOf({ probes }: Evidence): Map<string, LogEntry[]> {
  const lines = probes.flatMap(({ name, accessLog = [] }) =>
    accessLog.map(({ proxy, entry }) => ({ where: JSON.stringify([name, proxy.workload, proxy.side]), entry })),
  );
  const grouped = Map.groupBy(lines, ({ where }) => where);
  return new Map([...grouped].map(([where, all]) => [where, all.map(({ entry }) => entry)]));
}

const shown = (text: string): string => (text === '' ? 'nothing' : `"${text}"`);

/** A text without what differs in any two runs: the suffix of the second control plane's namespaces, addresses, pods, ids. */
export function usual(text: string): string {
  return text
    .replaceAll(/\b([a-z][a-z0-9-]*?)-older\b/g, '$1')
    .replaceAll(/\b\d{1,3}(\.\d{1,3}){3}(:\d+)?/g, 'ADDRESS')
    .replaceAll(/-[a-z0-9]{8,10}-[a-z0-9]{5}\b/g, '-POD')
    .replaceAll(/\bmw-[a-z0-9-]+\b/g, 'ID')
    .replaceAll(/\b\d+(\.\d+)? ?ms\b/g, 'TIME');
}
