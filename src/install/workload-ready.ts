import type { Cluster } from '#lab/cluster.ts';
import type { Look } from '#support/wait.ts';

/**
 * One look at a Deployment or DaemonSet: whether pods of what was applied last run and are ready, and no others.
 *
 * @param workload kind, namespace and name
 */
export async function lookWorkload(
  cluster: Cluster,
  { kind, namespace, name }: { kind: 'Deployment' | 'DaemonSet'; namespace: string; name: string },
): Promise<Look<true>> {
  const found = await cluster.read<Workload>('apps/v1', kind, name, namespace);
  const { metadata, spec, status } = found ?? {};
  if (!metadata) return { seen: `no ${kind} ${namespace}/${name}` };
  if (status?.observedGeneration !== metadata.generation) return { seen: 'the change is not yet observed' };
  const [wanted, updated, ready] =
    kind === 'Deployment'
      ? [spec?.replicas, status?.updatedReplicas, status?.readyReplicas]
      : [status?.desiredNumberScheduled, status?.updatedNumberScheduled, status?.numberReady];
  const enough = (wanted ?? 0) > 0 && updated === wanted && ready === wanted && !status?.unavailableReplicas;
  return enough ? { done: true } : { seen: `${ready ?? 0} of ${wanted ?? 0} pods ready, ${updated ?? 0} of them new` };
}

interface Workload {
  metadata?: { generation?: number };
  spec?: { replicas?: number };
  status?: {
    observedGeneration?: number;
    updatedReplicas?: number;
    readyReplicas?: number;
    unavailableReplicas?: number;
    desiredNumberScheduled?: number;
    updatedNumberScheduled?: number;
    numberReady?: number;
  };
}
