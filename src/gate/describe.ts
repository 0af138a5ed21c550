import type { Manifest } from '#lab/cluster.ts';
import type { PlaintextPair, PreflightFacts, ProxyFacts } from '#gate/preflight.ts';
import type { Callers, Tally } from '#gate/tally.ts';
import {
  isAlive,
  isMeshed,
  leftOutBy,
  peersByAddress,
  selectedOf,
  workloadOf,
  type Peer,
  type Pod,
  type Service,
} from '#gate/workloads.ts';
import { modeOf, type PortMode } from '#witness/expected-inbound.ts';

/** One proxy whose log was read, or could not be. */
export interface ReadProxy {
  pod: Pod;
  tally: Tally;
  trouble?: string;
}

/** Everything that was read of one namespace. */
export interface Readings {
  /** Of every namespace that could be listed: they name callers. */
  pods: readonly Pod[];
  /** Of the namespace itself. */
  local: readonly Pod[];
  services: readonly Service[];
  /** PeerAuthentications of the namespace and of the root one. */
  policies: readonly Manifest[];
  proxies: readonly ReadProxy[];
}

/** Puts names to what the logs counted. Pure. */
export function describeProxies(
  readings: Readings,
): Pick<PreflightFacts, 'proxies' | 'plaintext' | 'openPorts' | 'unmeshed'> {
  const { pods, local, services, policies, proxies } = readings;
  const peers = peersByAddress(pods);
  const plaintext = merged(proxies.flatMap((each) => pairsOf(each, peers, policies)));
  return {
    proxies: proxies.map((each) => proxyFacts(each, services)),
    plaintext,
    openPorts: openPorts(
      proxies.map(({ pod }) => pod),
      services,
      policies,
    ),
    unmeshed: unmeshed(local, plaintext),
  };
}

function proxyFacts({ pod, tally, trouble }: ReadProxy, services: readonly Service[]): ProxyFacts {
  return {
    workload: workloadOf(pod),
    pod: pod.metadata?.name ?? '',
    state: trouble === undefined ? tally.state : 'unread',
    ...(trouble !== undefined && { reason: trouble }),
    calls: tally.calls,
    ...(tally.from && { from: tally.from.toISOString() }),
    serves: selectedOf(pod, services).ports.some((port) => leftOutBy(pod, port) === undefined),
  };
}

function pairsOf({ pod, tally }: ReadProxy, peers: Map<string, Peer>, policies: readonly Manifest[]): PlaintextPair[] {
  const selected = selectedOf(pod, []);
  return tally.callers.map((callers) => {
    const { address, port, count, lastSeen, outcome } = callers;
    const peer = sourceOf(callers, peers);
    const mode = modeOf(selected, port, policies);
    const open = mode.level === 'port' && mode.mode !== 'STRICT' && outcome === 'accepted';
    return {
      source: peer.name,
      address,
      ...(peer.sidecar !== undefined && { sidecar: peer.sidecar }),
      destination: workloadOf(pod),
      port,
      count,
      lastSeen: lastSeen.toISOString(),
      outcome,
      ...(open && { exception: deciderOf(mode) }),
    };
  });
}

function sourceOf({ address, forwarded }: Callers, peers: Map<string, Peer>): Peer {
  if (forwarded) return { name: `a caller on behalf of ${address} (x-forwarded-for)` };
  return peers.get(address) ?? { name: `${address} (no pod has this address now)` };
}

/** Replicas count as one workload. */
function merged(pairs: PlaintextPair[]): PlaintextPair[] {
  const key = ({ source, destination, port, outcome }: PlaintextPair) => [source, destination, port, outcome].join(' ');
  const groups = [...Map.groupBy(pairs, key).values()].flatMap((group) => {
    const [latest] = group.toSorted((a, b) => b.lastSeen.localeCompare(a.lastSeen));
    return latest ? [{ ...latest, count: group.reduce((sum, each) => sum + each.count, 0) }] : [];
  });
  return groups.toSorted((a, b) => b.count - a.count);
}

function openPorts(
  meshed: readonly Pod[],
  services: readonly Service[],
  policies: readonly Manifest[],
): PreflightFacts['openPorts'] {
  const all = meshed.flatMap((pod) => {
    const selected = selectedOf(pod, services);
    return selected.ports.flatMap((port): PreflightFacts['openPorts'] => {
      const annotation = leftOutBy(pod, port);
      const workload = workloadOf(pod);
      if (annotation !== undefined) return [{ workload, port, mode: 'NOT CAPTURED', by: `annotation ${annotation}` }];
      const mode = modeOf(selected, port, policies);
      return mode.mode === 'STRICT' ? [] : [{ workload, port, mode: mode.mode, by: deciderOf(mode) }];
    });
  });
  return [...new Map(all.map((each) => [`${each.workload} ${each.port} ${each.mode}`, each])).values()];
}

const deciderOf = ({ level, decider }: PortMode): string =>
  decider === undefined ? 'no PeerAuthentication says otherwise' : `PeerAuthentication ${decider}, ${level} level`;

function unmeshed(local: readonly Pod[], plaintext: readonly PlaintextPair[]): PreflightFacts['unmeshed'] {
  const outside = local.filter((pod) => isAlive(pod) && !isMeshed(pod));
  return [...Map.groupBy(outside, workloadOf)].map(([workload, own]) => {
    const name = `${own[0]?.metadata?.namespace}/${workload}`;
    const calls = plaintext.filter(({ source }) => source === name).reduce((sum, { count }) => sum + count, 0);
    return { workload, pods: own.length, calls };
  });
}
