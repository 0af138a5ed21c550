import { z } from 'zod';
import { noFilterChain } from '#verdict/expectations/proxy-log.ts';
import { sideOf } from '#witness/side.ts';

/** How a call came in: over the mesh's TLS, in plaintext (served or refused), or in a way that the log does not tell. */
export type Arrival = 'mutual-tls' | 'plaintext' | 'refused' | 'untold';

/** One call that came in at a proxy, as its access log tells it. */
export interface InboundCall {
  time: Date;
  /** The port that was called. */
  port: number;
  /** Who called. */
  address: string;
  /** True when the address is what `x-forwarded-for` said: the peer itself is not in the log. */
  forwarded: boolean;
  arrival: Arrival;
}

/** What one line of a proxy's container is. */
export type Line = { kind: 'other' | 'text' | 'outbound' } | { kind: 'inbound'; call: InboundCall };

const text = z.string().optional();
const fields = z.object({
  startTime: z.string(),
  responseFlags: text,
  responseCodeDetails: text,
  connectionTerminationDetails: text,
  upstreamCluster: text,
  routeName: text,
  downstreamLocalAddress: text,
  downstreamRemoteAddress: text,
  downstreamDirectRemoteAddress: text,
  requestedServerName: text,
  downstreamPeerUriSan: text,
  downstreamTlsVersion: text,
});
type Fields = z.infer<typeof fields>;

/** Istio's own text format begins so: `[2026-11-21T03:40:00.123Z] "GET / HTTP/1.1" 200`. */
const textFormat = /^\[\d{4}-\d\d-\d\dT[\d:.]+Z\] "/;

/**
 * Reads one line of a proxy container's log: JSON of any access-log format whose keys are Envoy's operators, in the spelling of
 * Istio's default (`start_time`) or in camel case.
 */
export function readLine(line: string): Line {
  if (textFormat.test(line)) return { kind: 'text' };
  const raw = objectOf(line);
  const found = fields.safeParse(raw && spelled(raw));
  if (!raw || !found.success) return { kind: 'other' };
  const entry = found.data;
  if (sideOf(entry) === 'source') return { kind: 'outbound' };
  const [address, sourcePort] = splitAddress(entry.downstreamDirectRemoteAddress ?? entry.downstreamRemoteAddress);
  const call = {
    time: new Date(entry.startTime),
    port: portOf(entry),
    address,
    // Envoy puts the client of x-forwarded-for in the place of the peer, with no port.
    forwarded: sourcePort === 0,
    arrival: arrivalOf(entry, new Set(Object.keys(spelled(raw, true)))),
  };
  return { kind: 'inbound', call };
}

function objectOf(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined; // cut by a rotation
  }
}

/** Keys in camel case; `-`, null and empty stand for "nothing" and are left out, unless asked for. */
function spelled(raw: Record<string, unknown>, withEmpty = false): Record<string, string> {
  const entries = Object.entries(raw)
    .filter(([, value]) => withEmpty || (value !== null && value !== '-' && value !== ''))
    .map(([key, value]) => [key.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()), textOf(value)]);
  return Object.fromEntries(entries) as Record<string, string>;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/**
 * The TLS version and the peer's identity say it outright. Istio's default format has neither, but the server name: auto mTLS
 * always sends one of its own form, plaintext sends none, and any other one may be the application's own TLS.
 */
function arrivalOf(entry: Fields, logged: ReadonlySet<string>): Arrival {
  if (noFilterChain(entry)) return 'refused';
  if (entry.downstreamTlsVersion !== undefined || entry.downstreamPeerUriSan !== undefined) return 'mutual-tls';
  if (logged.has('downstreamTlsVersion') || logged.has('downstreamPeerUriSan')) return 'plaintext';
  if (!logged.has('requestedServerName')) return 'untold';
  if (entry.requestedServerName === undefined) return 'plaintext';
  return entry.requestedServerName.startsWith('outbound_.') ? 'mutual-tls' : 'untold';
}

function portOf({ downstreamLocalAddress, upstreamCluster }: Fields): number {
  const [, called] = splitAddress(downstreamLocalAddress);
  return called > 0 ? called : Number(upstreamCluster?.split('|')[1] ?? 0);
}

/** `10.1.2.3:4000` or `[fd00::1]:4000`. */
function splitAddress(address = ''): [host: string, port: number] {
  const at = address.lastIndexOf(':');
  if (at < 0) return [address, 0];
  return [address.slice(0, at).replaceAll(/[[\]]/g, ''), Number(address.slice(at + 1)) || 0];
}
