import { mkdir, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { $ } from 'zx/core';
import { Cluster } from '#lab/cluster.ts';
import {
  ensureNetwork,
  kindName,
  nameTakenByOther,
  networkName,
  nodeName,
  ownedNodes,
  removeObjects,
} from '#lab/engine-objects.ts';
import { cniConfig, kindConfig, type NodeFacts } from '#lab/kind-config.ts';
import type { Lab, LabRequest } from '#lab/lab.ts';
import { kubeconfigOf, labFolder, readLab, writeLab, type LabRecord } from '#lab/record.ts';
import { topologyHash, type ClusterSpec, type Topology } from '#lab/topology.ts';
import { NotReadyError, UsageError } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';

/** The node image that clusters are made from, and the tool that makes them. */
export interface KindParts {
  kindBinary: string;
  nodeImage: string;
  facts: NodeFacts;
}

/**
 * Brings a topology up as kind clusters, in parallel; reuses what still fits, replaces the rest after saying so.
 *
 * @throws UsageError when a container that is not ours has a name we need
 * @throws NotReadyError when a cluster does not come up in time
 */
export async function upKind(request: LabRequest, topology: Topology, parts: KindParts): Promise<Lab> {
  const { name, say, signal } = request;
  const hash = topologyHash(topology, parts.nodeImage);
  const record = await readLab(name);
  const reused = await stillFits(record, topology, hash);
  if (!reused) {
    await refuseForeignNames(name, topology);
    await clearRemains(name, record, hash, say);
    const fresh: LabRecord = {
      schema: 1,
      name,
      topology: topology.name,
      hash,
      nodeImage: parts.nodeImage,
      createdAt: new Date().toISOString(),
      complete: false,
    };
    await writeLab(fresh);
    await ensureNetwork(name);
    await Promise.all(topology.clusters.map((cluster) => create(name, cluster, parts, signal)));
    await writeLab({ ...fresh, complete: true });
  }
  const lab: Lab = {
    name,
    topology: topology.name,
    provider: 'kind',
    clusters: new Map(topology.clusters.map((cluster) => [cluster.name, openOwn(name, cluster.name)])),
    reused,
  };
  await Promise.all([...lab.clusters.values()].map((cluster) => nodeReady(cluster, signal)));
  return lab;
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

async function refuseForeignNames(lab: string, topology: Topology): Promise<void> {
  for (const cluster of topology.clusters) {
    const node = nodeName(lab, cluster.name);
    if (await nameTakenByOther(node))
      throw new UsageError(
        `a container called ${node} exists that meshwitness did not make`,
        `choose another name: ./meshwitness up ${topology.name} --name other`,
      );
  }
}

async function clearRemains(
  lab: string,
  record: LabRecord | undefined,
  hash: string,
  say: (line: string) => void,
): Promise<void> {
  const remains = (await ownedNodes(lab)).map((node) => node.name);
  if (remains.length === 0) return;
  const why =
    record === undefined || !record.complete
      ? 'it was never finished'
      : record.hash === hash
        ? 'a node is gone'
        : 'it was made from something else';
  say(`replacing lab ${lab}: ${why}`);
  await removeObjects(remains, []);
}

async function create(lab: string, cluster: ClusterSpec, parts: KindParts, signal?: AbortSignal): Promise<void> {
  const folder = resolve(labFolder(lab), cluster.name);
  await mkdir(folder, { recursive: true });
  const [cniFile, configFile] = [resolve(folder, 'cni.conflist'), resolve(folder, 'kind.yaml')];
  const name = kindName(lab, cluster.name);
  await writeFile(cniFile, cniConfig(cluster));
  await writeFile(configFile, kindConfig(cluster, name, parts.nodeImage, parts.facts, cniFile));
  await rm(kubeconfigOf(lab, cluster.name), { force: true });
  const env = {
    ...process.env,
    KIND_EXPERIMENTAL_DOCKER_NETWORK: networkName(lab),
    KIND_EXPERIMENTAL_PROVIDER: 'docker',
  };
  const run = $({ quiet: true, nothrow: true, env, timeout: timeouts.clusterReadyMs, ...(signal && { signal }) });
  const output =
    await run`${parts.kindBinary} create cluster --config ${configFile} --kubeconfig ${kubeconfigOf(lab, cluster.name)} --retain`;
  signal?.throwIfAborted();
  if (output.exitCode === 0) return;
  const last = output.stderr.split('\n').findLast((line) => /error|fail/i.test(line)) ?? output.stderr.slice(-200);
  await writeFile(resolve(folder, 'kind.log'), output.stderr);
  throw new NotReadyError(
    `cluster ${name} did not come up: ${last.trim()}`,
    `the whole log is in ${resolve(folder, 'kind.log')}`,
  );
}

async function nodeReady(cluster: Cluster, signal?: AbortSignal): Promise<void> {
  const look = async () => {
    const [node] = await cluster.list<NodeObject>('v1', 'Node');
    const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready');
    return ready?.status === 'True' ? { done: true } : { seen: ready?.message ?? 'no node registered' };
  };
  await until(`the node of cluster ${cluster.name} to be Ready`, look, {
    timeoutMs: timeouts.clusterReadyMs,
    ...(signal && { signal }),
  });
}

interface NodeObject {
  metadata?: { name?: string };
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}
