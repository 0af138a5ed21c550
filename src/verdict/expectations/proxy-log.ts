import type { AccessLogEntry, ProbeEvidence } from '#support/evidence.ts';
import { answer, missing, type Expectation, type Question } from '#verdict/expectation.ts';

/** Response flag and words of the outbound line. */
interface Outbound {
  /** `UC`: upstream closed; absent: the line must carry no flag. */
  flag?: string;
}

/** The caller's proxy knew the destination: a cluster of the registry, so auto mTLS applies. */
export function matchedCluster(workload: string, cluster: string, { flag }: Outbound = {}): Expectation {
  const flagText = flag === undefined ? 'no response flag' : `flag ${flag}`;
  return outboundLine('matched-cluster', workload, `${cluster}, ${flagText}`, (entry) => ({
    met: clusterName(entry) === cluster && entry.responseFlags === flag,
    seen: outboundText(entry),
  }));
}

/** The caller's proxy caught the call and did not know the destination: it left as it came, in plaintext. */
export function passedThrough(workload: string, { flag }: Outbound = {}): Expectation {
  const flagText = flag === undefined ? 'no response flag' : `flag ${flag}`;
  return outboundLine('pass-through', workload, `PassthroughCluster, ${flagText}`, (entry) => ({
    met: clusterName(entry) === 'PassthroughCluster' && entry.responseFlags === flag,
    seen: outboundText(entry),
  }));
}

/** The caller's proxy never saw the call. Rests on the fence: later calls of the same proxy are in its log. */
export function notCaptured(workload: string): Expectation {
  return (probe) => {
    const question: Question = {
      expectation: 'not-captured',
      kind: 'source-log',
      from: workload,
      expected: 'no line of this call',
    };
    const trouble = silence(probe, workload);
    if (trouble !== undefined) return [missing(question, trouble)];
    const lines = linesOf(probe, workload, 'source');
    return [answer(question, lines.length === 0, lines[0] ? outboundText(lines[0]) : 'no line of this call')];
  };
}

/** The caller's own proxy answered 502 because the registry does not know the Host: the call never left the pod. */
export function blockedOutbound(workload: string): Expectation {
  return outboundLine('blocked-outbound', workload, '502 by route block_all, no upstream host', (entry) => ({
    met: entry.responseCode === 502 && entry.routeName === 'block_all' && entry.upstreamHost === undefined,
    seen: `${entry.responseCode} by route ${entry.routeName ?? 'none'}, ${entry.upstreamHost ?? 'no upstream host'}`,
  }));
}

/** The called proxy let the call in over mutual TLS, from this SPIFFE ID. */
export function mutualTlsFrom(workload: string, principal: string): Expectation {
  return inboundLine('mutual-tls', workload, `TLS from ${principal}`, (entry) => ({
    met: entry.downstreamTlsVersion !== undefined && entry.downstreamPeerUriSan === principal,
    seen: peerText(entry),
  }));
}

/** The called proxy let the call in over mutual TLS, whoever called. */
export function mutualTls(workload: string): Expectation {
  return inboundLine('mutual-tls', workload, 'TLS with a peer identity', (entry) => ({
    met: entry.downstreamTlsVersion !== undefined && entry.downstreamPeerUriSan !== undefined,
    seen: peerText(entry),
  }));
}

/** The called proxy let the call in as plaintext: no TLS, so no caller identity. */
export function plaintextAt(workload: string): Expectation {
  return inboundLine('plaintext', workload, 'no TLS, no peer identity', (entry) => ({
    met: entry.downstreamTlsVersion === undefined && entry.downstreamPeerUriSan === undefined && inboundServed(entry),
    seen: `${peerText(entry)}, ${entry.upstreamCluster ?? 'no cluster'}`,
  }));
}

/** The called proxy saw the call come from this address: no hop in between put its own in the place of it. */
export function calledFrom(workload: string, address: string): Expectation {
  return inboundLine('called-from', workload, `from ${address}`, (entry) => ({
    met: entry.downstreamRemoteAddress?.startsWith(`${address}:`) === true,
    seen: `from ${entry.downstreamRemoteAddress ?? 'nowhere'}`,
  }));
}

/**
 * The called proxy refused the connection for want of TLS: no filter chain matched.
 *
 * @param caller workload whose proxy must have opened that very connection, by its own log; without it: whoever called
 */
export function refusedInbound(workload: string, caller?: string): Expectation {
  const expected = `NR, filter_chain_not_found${caller === undefined ? '' : `, from ${caller}`}`;
  return (probe) => {
    const opened = linesOf(probe, caller ?? '', 'source').map(({ upstreamLocalAddress }) => upstreamLocalAddress);
    return inboundLine('refused-inbound', workload, expected, (entry) => ({
      met:
        entry.responseFlags === 'NR' &&
        noFilterChain(entry) &&
        (caller === undefined || opened.includes(entry.downstreamRemoteAddress)),
      seen: `${refusalText(entry)}, from ${entry.downstreamRemoteAddress ?? 'nowhere'}`,
    }))(probe);
  };
}

/** The called proxy denied the call by an authorization policy; `policy` as Envoy names it, `none` when no rule allowed it. */
export function deniedByPolicy(workload: string, policy = 'none'): Expectation {
  const details = `rbac_access_denied_matched_policy[${policy}]`;
  return inboundLine('denied-by-policy', workload, `403, ${details}`, (entry) => ({
    met: entry.responseCode === 403 && entry.responseCodeDetails === details,
    seen: `${entry.responseCode}, ${entry.responseCodeDetails ?? 'no details'}`,
  }));
}

/**
 * The called proxy answered with this status.
 *
 * @param details its own words for why: `jwt_authn_access_denied{Jwt_issuer_is_not_configured}`; without: any
 */
export function loggedAt(workload: string, status: number, details?: string): Expectation {
  const expected = details === undefined ? `${status}` : `${status}, ${details}`;
  return inboundLine(`logged-${status}`, workload, expected, (entry) => ({
    met: entry.responseCode === status && (details === undefined || entry.responseCodeDetails === details),
    seen: `${entry.responseCode}, ${entry.responseCodeDetails ?? 'no details'}`,
  }));
}

/** True for the two places in which Envoy's versions print why no filter chain took a connection. */
export const noFilterChain = (
  entry: Pick<AccessLogEntry, 'responseCodeDetails' | 'connectionTerminationDetails'>,
): boolean => [entry.responseCodeDetails, entry.connectionTerminationDetails].includes('filter_chain_not_found');

/** Newer Istio ends the name of a cluster with `;` in logs and statistics: the same cluster, under the same name. */
const clusterName = (entry: AccessLogEntry): string | undefined => entry.upstreamCluster?.replace(/;$/, '');

type Weigh = (entry: AccessLogEntry) => { met: boolean; seen: string };

const outboundLine = (expectation: string, workload: string, expected: string, weigh: Weigh): Expectation =>
  logLine({ expectation, kind: 'source-log', from: workload, expected }, 'source', weigh);
const inboundLine = (expectation: string, workload: string, expected: string, weigh: Weigh): Expectation =>
  logLine({ expectation, kind: 'destination-log', from: workload, expected }, 'destination', weigh);

/** One finding over all lines of that side: the first that does not fit is what is shown. */
function logLine(question: Question, side: 'source' | 'destination', weigh: Weigh): Expectation {
  return (probe) => {
    const lines = linesOf(probe, question.from, side).map(weigh);
    const shown = lines.find(({ met }) => !met) ?? lines[0];
    if (shown) return [answer(question, shown.met, shown.seen)];
    const trouble = silence(probe, question.from);
    if (trouble !== undefined) return [missing(question, trouble)];
    return [answer(question, false, 'the log flows, and has no line of this call')];
  };
}

function linesOf(probe: ProbeEvidence, workload: string, side: 'source' | 'destination'): AccessLogEntry[] {
  return (probe.accessLog ?? [])
    .filter(({ proxy }) => proxy.workload === workload && proxy.side === side)
    .map(({ entry }) => entry);
}

/** Why nothing can be said about this proxy's log, or undefined when it can. */
function silence(probe: ProbeEvidence, workload: string): string | undefined {
  if (probe.accessLog === undefined) return 'no access log was followed';
  return probe.silent.find(({ witness }) => witness === `log of ${workload}`)?.reason;
}

const inboundServed = (entry: AccessLogEntry): boolean => (entry.upstreamCluster ?? '').startsWith('inbound|');
const outboundText = (entry: AccessLogEntry): string =>
  `${entry.upstreamCluster ?? entry.routeName ?? 'no cluster'}, ${entry.responseFlags ? `flag ${entry.responseFlags}` : 'no response flag'}`;
const peerText = (entry: AccessLogEntry): string =>
  entry.downstreamTlsVersion === undefined
    ? `no TLS${noFilterChain(entry) ? ', refused with filter_chain_not_found' : ''}`
    : `${entry.downstreamTlsVersion} from ${entry.downstreamPeerUriSan ?? 'no identity'}`;
const refusalText = (entry: AccessLogEntry): string =>
  entry.responseFlags === 'NR'
    ? `NR, ${entry.connectionTerminationDetails ?? entry.responseCodeDetails ?? 'no details'}`
    : `status ${entry.responseCode} through ${entry.upstreamCluster ?? 'no cluster'}`;
