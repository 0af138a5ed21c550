import { envoyGatewayNamespace as namespaceOfProxies } from '#install/envoy-gateway-names.ts';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import type { Look } from '#support/wait.ts';
import { hashAnnotation, type PlannedWorkload } from '#verdict/scene-file.ts';
import { isReady, type Pod, type Workload } from '#verdict/workload.ts';

const owner = 'gateway.envoyproxy.io/owning-gateway';
/** A proxy without privileges listens to ports below 1024 this much higher. */
const [privileged, shift] = [1_024, 10_000];
const proxy = { container: 'envoy', adminPort: 19_000 };

interface GatewayObject extends Manifest {
  metadata: Manifest['metadata'] & { generation?: number };
  spec?: { listeners?: { port: number; protocol: string }[] };
  status?: {
    addresses?: { value: string }[];
    conditions?: { type: string; status: string; reason?: string; message?: string; observedGeneration?: number }[];
  };
}

/** Looks at a Gateway and the proxy that carries it: done when it is programmed, has an address, and one ready pod. */
export async function readyGateway(
  cluster: Cluster,
  { name, namespace, hash }: PlannedWorkload,
): Promise<Look<Workload>> {
  const selector = `${owner}-name=${name},${owner}-namespace=${namespace}`;
  const [gateway, pods] = await Promise.all([
    cluster.read<GatewayObject>('gateway.networking.k8s.io/v1', 'Gateway', name, namespace),
    cluster.list<Pod>('v1', 'Pod', namespaceOfProxies, selector),
  ]);
  if (gateway?.metadata.annotations?.[hashAnnotation] !== hash) return { seen: 'no such Gateway yet' };
  const programmed = gateway.status?.conditions?.find(({ type }) => type === 'Programmed');
  if (programmed?.status !== 'True' || programmed.observedGeneration !== gateway.metadata.generation)
    return { seen: `not programmed: ${programmed?.message ?? 'nobody looked at it'}` };
  const address = gateway.status?.addresses?.[0]?.value;
  const [pod] = pods.filter(isReady);
  if (address === undefined || !pod || pods.length > 1)
    return { seen: `${pods.length} proxies, ${address ?? 'no address'}` };
  const plain = (gateway.spec?.listeners ?? []).filter(({ protocol }) => protocol === 'HTTP');
  const found = {
    name,
    namespace: namespaceOfProxies,
    sidecar: false,
    proxy,
    pod: pod.metadata.name,
    podIP: pod.status?.podIP ?? '',
    address,
    labels: pod.metadata.labels ?? {},
    ports: plain.map(({ port }) => (port < privileged ? port + shift : port)),
    receives: false,
  };
  return { done: found };
}
