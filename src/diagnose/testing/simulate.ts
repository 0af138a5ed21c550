import type { Leaf, ProxyCourse } from '#support/certificates.ts';
import { Runs, SeriesKeeper } from '#verdict/course/runs.ts';

/** Something that happens to a proxy, at a time in lifetimes since the start. */
export type Event = {
  at: number;
} & (
  | { does: 'renew'; uri?: string } // a new pair, taken
  | { does: 'repush' } // the same pair, under a new version
  | { does: 'reject' } // another pair whose key does not fit
  | { does: 'lose' | 'regain' } // the stream
  | { does: 'roots'; roots: string[] }
  | { does: 'restart' } // of the pod: counters begin anew, and a new pair is taken
);

export interface Simulation {
  events: Event[];
  /** In lifetimes. */
  lifetimes?: number;
  lookAt?: number[];
  envoy?: string;
  /** Sources that are recorded; all by default. */
  sources?: ('issuer' | 'dump' | 'certs' | 'handshake' | 'counters')[];
}

export const start = Date.parse('2026-01-01T00:00:00Z');
export const lifetimeSeconds = 60;
const lifetimeMs = lifetimeSeconds * 1000;
/** A time in lifetimes since the start, ISO 8601. */
export const time = (lifetimes: number): string => new Date(start + lifetimes * lifetimeMs).toISOString();
export const uri = 'spiffe://cluster.local/ns/sock-shop/sa/catalogue';

/** One proxy as Envoy behaves, seen on 1.36.4 and 1.40.0, watched fifteen times in a lifetime. */
export function simulate({ events, lifetimes = 2.7, lookAt, envoy = '1.40.0', sources }: Simulation): ProxyCourse {
  const looks = lookAt ?? Array.from({ length: Math.floor(lifetimes * 15) + 1 }, (_, index) => index / 15);
  const queue = events.toSorted((a, b) => a.at - b.at);
  const older = envoy.startsWith('1.36');
  let serials = 0;
  const sign = (at: number, name = uri): Leaf => ({
    serial: `a${(serials += 1)}`,
    notBefore: new Date(start + at * lifetimeMs - 60_000).toISOString(),
    notAfter: time(at + 1),
    uris: [name],
  });
  let inForce = sign(0);
  let dumped = { leaf: inForce, version: '1', lastUpdated: time(0) };
  let deliveries = 1;
  const fresh = { success: 1, rejected: 0, connected: 1, destroyed: 0, updateTime: start };
  let counters = { ...fresh };
  let roots = ['r1'];
  const issuer: ProxyCourse['issuer'] = [{ ...inForce, at: time(0), reason: 'start' }];
  const issue = (leaf: Leaf, at: number, reason: string) => issuer.push({ ...leaf, at: time(at), reason });
  const deliver = (at: number, leaf: Leaf) => {
    deliveries += 1;
    counters.success += 1;
    counters.updateTime = start + at * lifetimeMs;
    if (leaf.serial !== dumped.leaf.serial || older) dumped = { leaf, version: `${deliveries}`, lastUpdated: time(at) };
  };

  const happen = (event: Event): void => {
    if (event.does === 'renew') {
      inForce = sign(event.at, event.uri);
      issue(inForce, event.at, 'renewal');
      deliver(event.at, inForce);
    } else if (event.does === 'repush') {
      deliver(event.at, inForce);
    } else if (event.does === 'reject') {
      const bad = sign(event.at);
      issue(bad, event.at, 'bad-pair');
      deliveries += 1;
      counters.rejected += 1;
      dumped = { leaf: bad, version: older ? dumped.version : `${deliveries}`, lastUpdated: dumped.lastUpdated };
    } else if (event.does === 'lose') {
      counters.connected = 0;
      counters.destroyed += 1;
    } else if (event.does === 'regain') {
      counters.connected = 1;
      // The first answer of a new stream is the pair there is.
      deliver(event.at, inForce);
    } else if (event.does === 'roots') {
      roots = event.roots;
    } else {
      counters = { ...fresh, updateTime: start + event.at * lifetimeMs };
      inForce = sign(event.at);
      issue(inForce, event.at, 'start');
      dumped = { leaf: inForce, version: '1', lastUpdated: time(event.at) };
    }
  };

  const dump = new Runs<Omit<ProxyCourse['dump'][number], 'first' | 'last' | 'looks'>>();
  const certs = new Runs<Omit<ProxyCourse['certs'][number], 'first' | 'last' | 'looks'>>();
  const handshake = new Runs<Omit<ProxyCourse['handshake'][number], 'first' | 'last' | 'looks'>>();
  const bundle = new Runs<{ roots: string[] }>();
  const series = new SeriesKeeper();
  for (const look of looks) {
    while (queue[0] && queue[0].at <= look) happen(queue.shift() as Event);
    dump.see(time(look), { ...dumped });
    certs.see(time(look), { entries: { [inForce.serial]: 4 }, notAfter: inForce.notAfter, daysUntilExpiration: 0 });
    handshake.see(time(look), { outcome: 'status 200', leaf: inForce });
    bundle.see(time(look), { roots });
    series.see(look * lifetimeSeconds, {
      'sds.default.update_success': counters.success,
      'sds.default.update_attempt': counters.success + counters.rejected + 1,
      'sds.default.update_rejected': counters.rejected,
      'sds.default.update_time': counters.updateTime,
      'sds.default.control_plane.connected_state': counters.connected,
      'cluster.sds-grpc.upstream_cx_destroy_remote': counters.destroyed,
    });
  }
  const last = Math.max(...looks);
  const has = (source: string): boolean => sources === undefined || sources.some((each) => each === source);
  return {
    workload: 'catalogue',
    namespace: 'sock-shop',
    pod: 'catalogue-1',
    envoy,
    issuer: has('issuer') ? issuer.filter(({ at }) => at <= time(last)) : [],
    signings: [],
    dump: has('dump') ? dump.list : [],
    certs: has('certs') ? certs.list : [],
    handshake: has('handshake') ? handshake.list : [],
    streams: [],
    bundle: has('dump') ? bundle.list : [],
    counters: has('counters') ? series.list : [],
    silent: has('dump') ? [] : [{ source: 'dump', reason: 'not recorded' }],
  };
}

/** Events at these times, in lifetimes. */
export const times = (all: number[], does: 'renew' | 'repush' | 'reject'): Event[] => all.map((at) => ({ at, does }));
