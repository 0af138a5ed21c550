import { Cluster } from '#lab/cluster.ts';
import {
  ensureNetwork,
  kindName,
  networkName,
  nodeName,
  ownedNodes,
  refuseForeign,
  removeObjects,
} from '#lab/engine-objects.ts';
import { contain } from '#lab/contain.ts';
import { createCluster, type KindParts } from '#lab/kind-create.ts';
import { labHash } from '#lab/kind-config.ts';
import type { Lab, LabRequest } from '#lab/lab.ts';
import { forgetLab, kubeconfigOf, readLab, writeLab, type LabRecord } from '#lab/record.ts';
import type { Topology } from '#lab/topology.ts';
import { watchLab } from '#lab/watch.ts';
import { UsageError } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';

/**
 * Brings a topology up as kind clusters, in parallel; reuses what still fits, replaces the rest after saying so. An
 * interrupt removes what was half made; what a kill left is replaced by the next run. The caller holds the lab.
 *
 * @throws UsageError when a container or network that is not ours has a name we need
 * @throws NotReadyError when a cluster does not come up in time
 */
export async function upKind(request: LabRequest, topology: Topology, parts: KindParts): Promise<Lab> {
  const { name, signal } = request;
  const hash = labHash(topology.clusters, parts.nodeImage, parts.facts);
  const reused = (await stillFits(await readLab(name), topology, hash)) || (await replace(request, topology, parts));
  using watch = watchLab(
    name,
    topology.clusters.map((cluster) => cluster.name),
  );
  const either = signal ? AbortSignal.any([signal, watch.gone]) : watch.gone;
  const clusters = new Map(topology.clusters.map((cluster) => [cluster.name, openOwn(name, cluster.name)]));
  await Promise.all([...clusters.values()].map((cluster) => nodeReady(cluster, either)));
  return { name, topology: topology.name, provider: 'kind', clusters, reused };
}

/** Makes all clusters anew. @returns false: nothing was reused */
async function replace({ name, say, signal }: LabRequest, topology: Topology, parts: KindParts): Promise<false> {
  const names = topology.clusters.map((cluster) => cluster.name);
  await refuseForeign(name, names);
  const hash = labHash(topology.clusters, parts.nodeImage, parts.facts);
  await clearRemains(name, await readLab(name), hash, say);
  const record: LabRecord = {
    schema: 1,
    name,
    topology: topology.name,
    hash,
    nodeImage: parts.nodeImage,
    createdAt: new Date().toISOString(),
    complete: false,
  };
  await writeLab(record);
  const stop = new AbortController();
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  say(`creating ${names.length === 1 ? 'cluster' : 'clusters'} ${names.join(', ')} of lab ${name}`);
  try {
    await ensureNetwork(name);
    const creating = topology.clusters.map(async (cluster) => {
      await createCluster(name, cluster, parts, either);
      await contain(nodeName(name, cluster.name), cluster);
    });
    // One cannot be made: the others end before we say so.
    await Promise.allSettled(creating.map((each) => each.catch((error: unknown) => stop.abort(error))));
    await Promise.all(creating);
  } catch (error) {
    if (!signal?.aborted) throw stop.signal.aborted ? stop.signal.reason : error;
    await removeObjects(
      names.map((cluster) => nodeName(name, cluster)),
      [networkName(name)],
    );
    await forgetLab(name);
    throw signal.reason;
  }
  await writeLab({ ...record, complete: true });
  return false;
}

/** Our own kubeconfig holds one context, that of the cluster we made. Anything else was put there by someone. */
function openOwn(lab: string, cluster: string): Cluster {
  const file = kubeconfigOf(lab, cluster);
  const open = Cluster.fromFile(cluster, file, nodeName(lab, cluster));
  if (open.context === `kind-${kindName(lab, cluster)}`) return open;
  throw new UsageError(
    `${file} points to context "${open.context}", which meshwitness did not make`,
    `./meshwitness down --name ${lab}; for a cluster of your own: --context ${open.context}`,
  );
}

async function stillFits(record: LabRecord | undefined, topology: Topology, hash: string): Promise<boolean> {
  if (!record?.complete || record.hash !== hash) return false;
  const running = (await ownedNodes(record.name)).filter((node) => node.running).map((node) => node.name);
  return topology.clusters.every((cluster) => running.includes(nodeName(record.name, cluster.name)));
}

async function clearRemains(
  lab: string,
  record: LabRecord | undefined,
  hash: string,
  say: (line: string) => void,
): Promise<void> {
  const remains = (await ownedNodes(lab)).map((node) => node.name);
  if (remains.length === 0 && !record?.complete) return;
  const why =
    record === undefined || !record.complete
      ? 'it was never finished'
      : record.hash === hash
        ? 'a node is gone or stopped'
        : 'it was made from something else';
  say(`replacing lab ${lab}: ${why}`);
  await removeObjects(remains, []);
}

async function nodeReady(cluster: Cluster, signal: AbortSignal): Promise<void> {
  const look = async () => {
    const [node] = await cluster.list<NodeObject>('v1', 'Node');
    const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready');
    return ready?.status === 'True' ? { done: true } : { seen: ready?.message ?? 'no node registered' };
  };
  await until(`the node of cluster ${cluster.name} to be Ready`, look, {
    timeoutMs: timeouts.clusterReadyMs,
    signal,
  });
}

interface NodeObject {
  metadata?: { name?: string };
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}
