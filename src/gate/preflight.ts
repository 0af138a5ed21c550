import { z } from 'zod';

/** Why nothing certain can be said of one proxy. */
export const proxyStates = [
  'told', // calls came in, and its log says how each one did
  'quiet', // it logs, and nobody called it
  'silent', // not one line of an access log: none is written, or nothing happened
  'text', // its access log is not JSON
  'untold', // its JSON says nothing of TLS
  'unread', // its log could not be read to the end
] as const;

/** What the proxies of a namespace, and the objects that concern it, say about plaintext. Plain JSON. */
export const preflightFacts = z.object({
  schema: z.literal(1),
  context: z.string(),
  namespace: z.string(),
  /** What was looked at, as ISO times: lines older than `since` do not count. */
  since: z.string(),
  until: z.string(),
  proxies: z.array(
    z.object({
      workload: z.string(),
      pod: z.string(),
      state: z.enum(proxyStates),
      /** In words, where there is more to say. */
      reason: z.string().optional(),
      /** Calls that came in during the window. */
      calls: z.number(),
      /** Time of the first line of the window: a log may be younger than the window that was asked for. */
      from: z.string().optional(),
      /** False when no port is declared or called: such a workload only calls others. */
      serves: z.boolean(),
    }),
  ),
  /** Who spoke plaintext to whom: one entry for each source, destination, port and outcome. */
  plaintext: z.array(
    z.object({
      source: z.string(),
      address: z.string(),
      /** False where the source has no sidecar; absent where nobody knows the address. */
      sidecar: z.boolean().optional(),
      destination: z.string(),
      port: z.number(),
      count: z.number(),
      lastSeen: z.string(),
      /** `refused` where the port is STRICT already. */
      outcome: z.enum(['accepted', 'refused']),
      /** The port-level exception that keeps this port open after the flip. */
      exception: z.string().optional(),
    }),
  ),
  /** Ports that take plaintext by configuration. */
  openPorts: z.array(
    z.object({
      workload: z.string(),
      port: z.number(),
      mode: z.enum(['PERMISSIVE', 'DISABLE', 'NOT CAPTURED']),
      /** What decided it, in words. */
      by: z.string(),
    }),
  ),
  /** Workloads of the namespace without a sidecar: whatever they call under STRICT is cut off. */
  unmeshed: z.array(z.object({ workload: z.string(), pods: z.number(), calls: z.number() })),
  /** What could not be looked at, in words. */
  notes: z.array(z.string()),
});
export type PreflightFacts = z.infer<typeof preflightFacts>;
export type PlaintextPair = PreflightFacts['plaintext'][number];
export type ProxyFacts = PreflightFacts['proxies'][number];

export interface Preflight {
  verdict: 'GO' | 'NO-GO' | 'INCONCLUSIVE';
  /** One line for each thing that stands in the way. */
  reasons: string[];
}

/**
 * Whether the flip to STRICT cuts anybody off. Plaintext that was seen blocks it; a proxy that cannot say leaves it open, for
 * nobody seen is no proof where nobody could be seen. Pure.
 *
 * @param idleOk a workload that nobody called in the window is no obstacle
 */
export function decidePreflight(facts: PreflightFacts, { idleOk = false }: { idleOk?: boolean } = {}): Preflight {
  const blocking = blockingPairs(facts);
  if (blocking.length > 0) return { verdict: 'NO-GO', reasons: blocking.map(pairText) };
  const reasons = unsureProxies(facts, idleOk).map((proxy) => `${proxy.pod}: ${stateText(proxy)}`);
  if (facts.proxies.every(({ calls }) => calls === 0)) reasons.unshift('nobody called anybody in the window');
  return reasons.length > 0 ? { verdict: 'INCONCLUSIVE', reasons } : { verdict: 'GO', reasons: [] };
}

/** Plaintext that the flip would cut off, or that is cut off already. */
export const blockingPairs = ({ plaintext }: PreflightFacts): PlaintextPair[] =>
  plaintext.filter(({ exception }) => exception === undefined);

/** Proxies that cannot vouch for their callers, and so leave the question open. */
export const unsureProxies = ({ proxies }: PreflightFacts, idleOk = false): ProxyFacts[] =>
  proxies.filter((proxy) => leavesOpen(proxy, idleOk));

function leavesOpen({ state, serves }: ProxyFacts, idleOk: boolean): boolean {
  if (state === 'told') return false;
  return state === 'quiet' || state === 'silent' ? serves && !idleOk : true;
}

/** One pair as a sentence. */
export function pairText({ source, destination, port, count, outcome, sidecar }: PlaintextPair): string {
  const who = sidecar === false ? `${source} (no sidecar)` : source;
  const calls = count === 1 ? 'once' : `${count} times`;
  const end = outcome === 'refused' ? ', and was refused: STRICT is there already' : '';
  return `${who} spoke plaintext to ${destination} port ${port} ${calls}${end}`;
}

/** What a proxy's state means for the person who reads it. */
export function stateText({ state, reason }: Pick<ProxyFacts, 'state' | 'reason'>): string {
  const text: Record<ProxyFacts['state'], string> = {
    told: 'its log tells how every call came in',
    quiet: 'nobody called it in the window',
    silent: 'not one access-log line in the window: access logging is off, or nothing happened',
    text: 'its access log is not JSON (accessLogEncoding: JSON), so plaintext cannot be told from mTLS',
    untold: 'its access log does not say whether calls came over TLS',
    unread: 'its log could not be read',
  };
  return reason === undefined ? text[state] : `${text[state]}: ${reason}`;
}
