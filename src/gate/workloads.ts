import type { V1ObjectMeta } from '@kubernetes/client-node';
import type { SelectedWorkload } from '#witness/expected-inbound.ts';

/** A pod as the API server gives it: what is read of it here. */
export interface Pod {
  metadata?: V1ObjectMeta;
  spec?: {
    hostNetwork?: boolean;
    nodeName?: string;
    serviceAccountName?: string;
    containers?: Container[];
    initContainers?: Container[];
  };
  status?: { phase?: string; podIP?: string; podIPs?: { ip: string }[]; hostIP?: string };
}

interface Container {
  name: string;
  ports?: { name?: string; containerPort: number; protocol?: string }[];
}

/** A Service, as far as it says which ports of its pods are called. */
export interface Service {
  metadata?: { name?: string; namespace?: string };
  spec?: { selector?: Record<string, string>; ports?: { port: number; targetPort?: number | string }[] };
}

/** Container of the sidecar, which newer Istio runs as an init container that stays. */
export const sidecarContainer = 'istio-proxy';

export const isMeshed = ({ spec }: Pod): boolean =>
  [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(({ name }) => name === sidecarContainer);

/** True for a pod that runs, or is about to: one that has ended calls nobody any more. */
export const isAlive = ({ status }: Pod): boolean => status?.phase !== 'Succeeded' && status?.phase !== 'Failed';

/** Name of the workload that a pod belongs to, without the parts that controllers add. */
export function workloadOf({ metadata }: Pod): string {
  const [owner] = metadata?.ownerReferences ?? [];
  if (!owner) return metadata?.name ?? 'unnamed';
  const hash = metadata?.labels?.['pod-template-hash'];
  return owner.kind === 'ReplicaSet' && hash !== undefined ? owner.name.replace(`-${hash}`, '') : owner.name;
}

/** How a pod is selected by policies, with the ports that it serves: those its containers declare, and those that Services call. */
export function selectedOf(pod: Pod, services: readonly Service[]): SelectedWorkload {
  const { namespace = '', labels = {} } = pod.metadata ?? {};
  const declared = (pod.spec?.containers ?? [])
    .filter(({ name }) => name !== sidecarContainer)
    .flatMap(({ ports = [] }) => ports);
  const called = services.filter((each) => each.metadata?.namespace === namespace && selects(each, labels));
  const targets = called.flatMap(({ spec }) =>
    (spec?.ports ?? []).map(({ port, targetPort = port }) =>
      typeof targetPort === 'number' ? targetPort : declared.find(({ name }) => name === targetPort)?.containerPort,
    ),
  );
  const ports = [...declared.filter(isTcp).map(({ containerPort }) => containerPort), ...targets];
  return {
    namespace,
    labels,
    ports: [...new Set(ports)].filter((port) => port !== undefined).toSorted((a, b) => a - b),
  };
}

const isTcp = ({ protocol = 'TCP' }: { protocol?: string }): boolean => protocol === 'TCP';

function selects({ spec }: Service, labels: Record<string, string>): boolean {
  const selector = Object.entries(spec?.selector ?? {});
  return selector.length > 0 && selector.every(([key, value]) => labels[key] === value);
}

/** The annotation that leaves this port out of the sidecar's capture, if there is one: mTLS does not reach it. */
export function leftOutBy({ metadata }: Pod, port: number): string | undefined {
  const list = (name: string) => metadata?.annotations?.[`traffic.sidecar.istio.io/${name}`];
  const named = (text: string) => text.split(',').some((each) => Number(each.trim()) === port);
  if (named(list('excludeInboundPorts') ?? '')) return 'excludeInboundPorts';
  const included = list('includeInboundPorts');
  return included === undefined || included.trim() === '*' || named(included) ? undefined : 'includeInboundPorts';
}

/** Who has an address, as a person would say it. */
export interface Peer {
  /** `namespace/workload`, a node, or the bare address. */
  name: string;
  /** False for a pod without a sidecar; undefined when that is not known. */
  sidecar?: boolean;
}

/**
 * Names peers by their addresses.
 *
 * @param pods of every namespace that could be listed; a pod on the host's network has the address of its node
 */
export function peersByAddress(pods: readonly Pod[]): Map<string, Peer> {
  const peers = new Map<string, Peer>();
  for (const pod of pods) {
    const { nodeName = '?', hostNetwork } = pod.spec ?? {};
    const { hostIP, podIP, podIPs = [] } = pod.status ?? {};
    if (hostIP !== undefined) peers.set(hostIP, { name: `node ${nodeName}` });
    if (hostNetwork === true || !isAlive(pod)) continue;
    const peer = { name: `${pod.metadata?.namespace}/${workloadOf(pod)}`, sidecar: isMeshed(pod) };
    for (const address of [podIP, ...podIPs.map(({ ip }) => ip)]) if (address !== undefined) peers.set(address, peer);
  }
  return peers;
}
