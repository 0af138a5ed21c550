import type { Cluster } from '#lab/cluster.ts';
import { sidecarAdminPort } from '#probe/caller.ts';
import type { Look } from '#support/wait.ts';
import { readyGateway } from '#verdict/gateway-proxy.ts';
import { hashAnnotation, type PlannedWorkload } from '#verdict/scene-file.ts';

/** The proxy that speaks for a workload: its sidecar, or what carries a Gateway. */
export interface WorkloadProxy {
  container: string;
  adminPort: number;
}

/** A workload of a scene, running: one pod, with what is known of it. */
export interface Workload {
  name: string;
  namespace: string;
  sidecar: boolean;
  /** What is asked about calls; absent where nothing but the application could answer. */
  proxy?: WorkloadProxy;
  pod: string;
  podIP: string;
  /** Where a Gateway is reached: the address that a load balancer gave it. */
  address?: string;
  labels: Record<string, string>;
  /** Ports that its containers declare; of a Gateway's proxy, those of its HTTP listeners. */
  ports: number[];
  /** True for those roles of the fixture that keep receipts. */
  receives: boolean;
}

const sidecarProxy: WorkloadProxy = { container: 'istio-proxy', adminPort: sidecarAdminPort };

/** Looks at the workloads of a scene: done when each has one ready pod of what was applied last. */
export async function readyWorkloads(cluster: Cluster, planned: readonly PlannedWorkload[]): Promise<Look<Workload[]>> {
  const namespaces = [...new Set(planned.filter(({ gateway }) => !gateway).map(({ namespace }) => namespace))];
  const pods = (await Promise.all(namespaces.map((each) => cluster.list<Pod>('v1', 'Pod', each)))).flat();
  const found: Workload[] = [];
  for (const each of planned) {
    const look = each.gateway ? await readyGateway(cluster, each) : readyPod(each, pods);
    if (!('done' in look)) return { seen: `${each.namespace}/${each.name}: ${look.seen}` };
    found.push(look.done);
  }
  return { done: found };
}

function readyPod(planned: PlannedWorkload, pods: readonly Pod[]): Look<Workload> {
  const own = pods.filter(
    ({ metadata }) => metadata.namespace === planned.namespace && metadata.labels?.['app'] === planned.name,
  );
  const [pod] = own.filter((each) => each.metadata.annotations?.[hashAnnotation] === planned.hash && isReady(each));
  if (!pod || own.length > 1) return { seen: own.map(stateOf).join(', ') || 'no pod yet' };
  return { done: workloadOf(planned, pod) };
}

/** Roles of the fixture that keep receipts. */
const receiving = new Set(['echo', 'fault', 'account', 'jwt']);

function workloadOf({ name, namespace, sidecar }: PlannedWorkload, pod: Pod): Workload {
  const containers = pod.spec.containers.filter((each) => each.name !== sidecarProxy.container);
  return {
    name,
    namespace,
    sidecar,
    ...(sidecar && { proxy: sidecarProxy }),
    pod: pod.metadata.name,
    podIP: pod.status?.podIP ?? '',
    labels: pod.metadata.labels ?? {},
    ports: containers.flatMap(({ ports }) => ports ?? []).map(({ containerPort }) => containerPort),
    receives: containers.some(({ args }) => args?.[0] !== undefined && receiving.has(args[0])),
  };
}

/** Whether a pod is ready, and meant to stay. */
export const isReady = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined &&
  status?.conditions?.some(({ type, status: now }) => type === 'Ready' && now === 'True') === true;

function stateOf({ metadata, status }: Pod): string {
  if (metadata.deletionTimestamp !== undefined) return 'an older pod is ending';
  const states = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const waiting = states.find((each) => each.state?.waiting)?.state?.waiting;
  return waiting?.reason ?? status?.phase ?? 'unknown';
}

interface ContainerStatus {
  state?: { waiting?: { reason?: string; message?: string } };
}
/** A pod, as far as a scene looks at it. */
export interface Pod {
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    deletionTimestamp?: Date;
  };
  spec: { containers: { name: string; args?: string[]; ports?: { name?: string; containerPort: number }[] }[] };
  status?: {
    phase?: string;
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}
