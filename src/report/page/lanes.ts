import type { AccessLogEntry, ProbeEvidence } from '#support/evidence.ts';
import type { VisitEvidence } from '#support/visit-evidence.ts';
import type { Finding, WitnessKind } from '#verdict/result.ts';

export interface Fact {
  name: string;
  value: string;
}

/** One column of the picture of a probe: what one witness on its way saw. */
export interface Lane {
  title: string;
  who: string;
  /** `nothing` is evidence (asked, and it never arrived); `missing` is none (asked, no answer); `unasked` was not asked. */
  state: 'seen' | 'nothing' | 'missing' | 'unasked';
  note: string;
  cards: Fact[][];
  /** Expectations that this witness was asked about. */
  findings: Finding[];
}

interface LanePlan {
  title: string;
  kinds: WitnessKind[];
  /** Words that name this witness in a `silent` entry. */
  words: RegExp;
}

const plans = {
  client: { title: 'Client', kinds: ['client', 'certificate', 'provider'], words: /^client|^certificate|^provider/i },
  source: { title: 'Source proxy', kinds: ['source-log'], words: /source/i },
  destination: { title: 'Destination proxy', kinds: ['destination-log'], words: /destination/i },
  backend: { title: 'Backend', kinds: ['receipt'], words: /receipt|backend/i },
} as const satisfies Record<string, LanePlan>;

/** The four columns of a probe, from the caller to the backend, each with its facts. */
export function lanesOf(probe: ProbeEvidence, findings: Finding[]): Lane[] {
  const own = findings.filter((each) => each.probe === probe.name);
  const client: Lane = { ...lane(plans.client, probe, own, clientFacts(probe)), who: probe.from };
  const receipts = probe.receipts?.map((each): Fact[] => [
    { name: 'received', value: `${each.method} ${each.path} (${each.httpVersion})` },
    { name: 'peer identity', value: each.peer.uri ?? 'none' },
    { name: 'peer address', value: `${each.peer.address}:${each.peer.port}` },
    { name: 'pod', value: each.pod },
    { name: 'attempt', value: String(each.attempt) },
  ]);
  const backend: Lane = { ...lane(plans.backend, probe, own, receipts), who: probe.to };
  return [client, proxyLane('source', probe, own), proxyLane('destination', probe, own), backend];
}

function proxyLane(side: 'source' | 'destination', probe: ProbeEvidence, findings: Finding[]): Lane {
  const logs = probe.accessLog?.filter((each) => each.proxy.side === side);
  const counters = probe.counters?.filter((each) => each.proxy.side === side) ?? [];
  const cards = logs?.map((each) => logFacts(each.entry));
  const stats = counters.map(({ stat, before, after }): Fact => {
    const delta = after - before;
    return { name: stat, value: `${delta < 0 ? '' : '+'}${delta} (${before} → ${after})` };
  });
  const all = stats.length === 0 ? cards : [...(cards ?? []), stats];
  const pods = [...new Set([...(logs ?? []), ...counters].map((each) => each.proxy.pod))];
  const ids = new Set([...(logs ?? []), ...counters].flatMap(({ proxy }) => [proxy.pod, proxy.workload]));
  const plan = plans[side];
  const counted = findings.filter((each) => each.witness.kind === 'counter' && ids.has(each.witness.from));
  const base = lane(plan, probe, findings, all);
  // A caller outside the mesh has no proxy: that its list is empty says nothing, so it must not read as a lost call.
  if (side === 'source' && base.state === 'nothing' && base.findings.length === 0) {
    return { ...base, state: 'unasked', note: 'no proxy on the caller’s side took part' };
  }
  const note = base.state === 'seen' && logs?.length === 0 ? 'no log line, only counters' : base.note;
  return { ...base, note, who: pods.join(', ') || base.who, findings: [...base.findings, ...counted] };
}

function lane(plan: LanePlan, probe: ProbeEvidence, findings: Finding[], cards: Fact[][] | undefined): Lane {
  const own = findings.filter((each) => plan.kinds.includes(each.witness.kind));
  const silent = probe.silent.find((each) => plan.words.test(each.witness));
  const unanswered = own.find((each) => each.state === 'missing');
  const base = { title: plan.title, who: own[0]?.witness.from ?? '', cards: cards ?? [], findings: own };
  if (silent !== undefined) return { ...base, state: 'missing', note: silent.reason };
  if (unanswered !== undefined && base.cards.length === 0) return { ...base, state: 'missing', note: unanswered.seen };
  if (base.cards.length > 0) return { ...base, state: 'seen', note: '' };
  if (cards === undefined) return { ...base, state: 'unasked', note: 'this witness was not asked' };
  return { ...base, state: 'nothing', note: 'asked, and nothing of this probe arrived here' };
}

function clientFacts({ client, visit }: ProbeEvidence): Fact[][] {
  const outcome = client.outcome === 'response' ? `HTTP ${client.status ?? '?'}` : client.outcome;
  const { tls, error } = client;
  const facts = [
    fact('outcome', outcome),
    fact('error', error && `${error.code} in phase ${error.phase}: ${error.message}`),
    fact('body', client.body && short(client.body)),
    fact('answered by', client.headers?.['server']),
    fact('location', client.headers?.['location']),
    fact('connected to', client.remote && `${client.remote.address}:${client.remote.port}`),
    fact('certificate', tls && `serial ${tls.serial}, until ${tls.notAfter}, ${tls.subjectAltNames.join(', ')}`),
    fact('TLS', tls?.protocol),
    fact('took', `${Math.round(client.timingsMs.total * 10) / 10} ms`),
  ];
  return [facts.flat(), ...(visit ? [visitFacts(visit)] : [])];
}

/** The way of a browser, a line a request, and what it held at the end. */
function visitFacts({ hops, cookies, ended, provider }: VisitEvidence): Fact[] {
  const way = hops.map(({ method, url, status, location }, index): Fact => {
    const on = location === undefined ? '' : ` → ${withoutQuery(location)}`;
    return { name: `hop ${index + 1}`, value: `${method} ${withoutQuery(url)}: ${status ?? 'no answer'}${on}` };
  });
  return [
    ...way,
    ...fact('browser ended', ended),
    ...fact('cookies', cookies.map(({ name }) => name).join(', ')),
    ...fact(
      'at the provider',
      provider?.map(({ endpoint, status }) => `${endpoint} ${status ?? ''}`.trim()).join(', '),
    ),
  ];
}

const withoutQuery = (url: string): string => url.split('?', 1)[0] ?? url;

function logFacts(entry: AccessLogEntry): Fact[] {
  const tls = [entry.downstreamTlsVersion, entry.requestedServerName && `SNI ${entry.requestedServerName}`];
  return [
    fact('matched cluster', entry.upstreamCluster),
    fact('answer', entry.responseCode === 0 ? 'no HTTP exchange' : String(entry.responseCode)),
    fact('response flag', entry.responseFlags && `${entry.responseFlags}${flagWords(entry.responseFlags)}`),
    fact('details', entry.responseCodeDetails),
    fact('connection ended', entry.connectionTerminationDetails),
    fact('transport failure', entry.upstreamTransportFailureReason),
    fact('peer identity', entry.downstreamPeerUriSan),
    fact('TLS from peer', tls.filter(Boolean).join(', ')),
    fact('Host', entry.authority),
    fact('sent on to', entry.upstreamHost),
    fact('came from', entry.downstreamRemoteAddress),
    fact('attempts', entry.attemptCount !== undefined && entry.attemptCount > 1 ? String(entry.attemptCount) : ''),
  ].flat();
}

const flags: Record<string, string> = {
  UC: 'upstream closed the connection',
  UF: 'could not connect upstream',
  UO: 'overflow, circuit breaker open',
  UT: 'upstream timed out',
  URX: 'retries used up',
  UH: 'no healthy upstream host',
  NR: 'no route or filter chain',
  NC: 'no such cluster',
  DC: 'downstream closed the connection',
  UAEX: 'denied by external authorization',
  RL: 'rate limited',
};

function flagWords(value: string): string {
  const words = value.split(',').flatMap((flag) => flags[flag.trim()] ?? []);
  return words.length === 0 ? '' : ` · ${words.join('; ')}`;
}

const fact = (name: string, value: string | undefined): Fact[] => (value ? [{ name, value }] : []);
const short = (text: string): string =>
  text.length > 400 ? `${text.slice(0, 400)}… (${text.length} characters)` : text;
