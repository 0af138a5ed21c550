import type { Cluster } from '#lab/cluster.ts';
import { sidecarAdminPort } from '#probe/caller.ts';
import type { Look } from '#support/wait.ts';
import { readyGateway } from '#verdict/gateway-proxy.ts';
import { hashAnnotation, type PlannedWorkload } from '#verdict/scene-file.ts';
import { isReady, type Pod, type Workload, type WorkloadProxy } from '#verdict/workload.ts';

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

function stateOf({ metadata, status }: Pod): string {
  if (metadata.deletionTimestamp !== undefined) return 'an older pod is ending';
  const states = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const waiting = states.find((each) => each.state?.waiting)?.state?.waiting;
  return waiting?.reason ?? status?.phase ?? 'unknown';
}
