import Table from 'cli-table3';
import pc from 'picocolors';
import {
  blockingPairs,
  stateText,
  unsureProxies,
  type PlaintextPair,
  type Preflight,
  type PreflightFacts,
} from '#gate/preflight.ts';

/** What was seen, and the verdict, for a person. */
export function preflightText(facts: PreflightFacts, decided: Preflight): string {
  const { context, namespace, since, until } = facts;
  const excepted = facts.plaintext.filter(({ exception }) => exception !== undefined);
  const outside = facts.unmeshed.map(({ workload, pods, calls }) => [workload, String(pods), String(calls)]);
  return [
    `STRICT for namespace ${namespace} of ${context}; calls of ${clock(since)} to ${clock(until)} UTC, ${proxies(facts)}`,
    section('Still speaking plaintext:', pairHead, blockingPairs(facts).map(pairRow)),
    section('Plaintext on ports that an exception keeps open:', pairHead, excepted.map(pairRow)),
    section(
      'Ports that take plaintext by configuration:',
      ['workload', 'ports', 'mode', 'decided by'],
      openPorts(facts),
    ),
    section(
      'Workloads without a sidecar (cut off from whatever they call):',
      ['workload', 'pods', 'calls seen'],
      outside,
    ),
    section('Proxies that cannot vouch for their callers:', ['pod', 'why'], unable(facts)),
    ...facts.notes.map((note) => `Note: ${note}`),
    verdict(decided),
  ]
    .filter((part) => part !== undefined)
    .join('\n');
}

const pairHead = ['source', 'destination', 'port', 'calls', 'last seen', ''];

const pairRow = ({ source, destination, port, count, lastSeen, outcome, exception, sidecar }: PlaintextPair) => [
  sidecar === false ? `${source} (no sidecar)` : source,
  destination,
  String(port),
  String(count),
  clock(lastSeen),
  exception ?? (outcome === 'refused' ? 'refused already' : ''),
];

const unable = (facts: PreflightFacts): string[][] =>
  unsureProxies(facts).map((proxy) => [proxy.pod, stateText(proxy)]);

/** One row for the ports of a workload that have one mode for one reason. */
function openPorts({ openPorts: all }: PreflightFacts): string[][] {
  const alike = Map.groupBy(all, ({ workload, mode, by }) => [workload, mode, by].join('\n'));
  return [...alike.values()].flatMap((group) => {
    const [first] = group;
    return first ? [[first.workload, group.map(({ port }) => port).join(', '), first.mode, first.by]] : [];
  });
}

function section(title: string, head: string[], rows: string[][]): string | undefined {
  if (rows.length === 0) return undefined;
  const chars = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };
  const table = new Table({ chars, head, style: { head: [], border: [] } });
  table.push(...rows);
  return `\n${title}\n${table.toString()}`;
}

function verdict({ verdict: word, reasons }: Preflight): string {
  const color = { GO: pc.green, 'NO-GO': pc.red, INCONCLUSIVE: pc.yellow }[word];
  const because: Record<Preflight['verdict'], string> = {
    GO: 'nobody was seen who would be cut off',
    'NO-GO': `${reasons.length} ${reasons.length === 1 ? 'pair' : 'pairs'} of a caller and a port would be cut off`,
    INCONCLUSIVE: `no plaintext was seen, but ${reasons.length} cannot be vouched for (--idle-ok passes over the idle, a longer --window sees more)`,
  };
  return `\n${color(pc.bold(word))}: ${because[word]}`;
}

const proxies = ({ proxies: all }: PreflightFacts): string =>
  `${all.reduce((sum, { calls }) => sum + calls, 0)} calls at ${all.length} ${all.length === 1 ? 'proxy' : 'proxies'}`;

/** `2026-11-21 03:40:00` */
const clock = (iso: string): string => iso.slice(0, 19).replace('T', ' ');
