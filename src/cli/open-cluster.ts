import { Cluster } from '#lab/cluster.ts';
import { nodeName } from '#lab/engine-objects.ts';
import { openExisting } from '#lab/existing.ts';
import { kubeconfigOf, readLab, recordedLabs } from '#lab/record.ts';
import { readTopology } from '#lab/topology.ts';
import { UsageError } from '#support/errors.ts';
import { nearest } from '#support/nearest.ts';

/** A cluster that a person means: one of their own by its context, or one of a lab of ours by the lab's name. */
export interface Wanted {
  context?: string;
  name?: string;
}

/**
 * Opens a standing cluster for reading. Starts nothing, and waits for nobody who uses it.
 *
 * @throws UsageError for a context or a lab that does not exist, or a lab of several clusters
 * @throws NotReadyError when the API server does not answer
 */
export async function openCluster({ context, name }: Wanted, signal: AbortSignal): Promise<Cluster> {
  if ((context === undefined) === (name === undefined))
    throw new UsageError('name one cluster: --context NAME for one of yours, or --name LAB for a lab of ours');
  if (context !== undefined) {
    const [cluster] = (await openExisting({ main: context }, signal)).clusters.values();
    if (cluster) return cluster;
  }
  return openLabCluster(name ?? '');
}

async function openLabCluster(lab: string): Promise<Cluster> {
  const record = await readLab(lab);
  if (!record?.complete) {
    const known = await recordedLabs();
    throw new UsageError(`no lab "${lab}" stands`, nearest(lab, known, 'did you mean') ?? './meshwitness status');
  }
  const { clusters } = await readTopology(record.topology);
  const [first, second] = clusters.map(({ name }) => name);
  if (first === undefined || second !== undefined)
    throw new UsageError(
      `lab ${lab} has several clusters: ${clusters.map(({ name }) => name).join(', ')}`,
      `take one by its own kubeconfig: KUBECONFIG=${kubeconfigOf(lab, first ?? '')} and --context`,
    );
  return Cluster.fromFile(first, kubeconfigOf(lab, first), nodeName(lab, first));
}
