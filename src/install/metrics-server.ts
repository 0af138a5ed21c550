import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { AddOn } from '#install/add-ons.ts';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { parseManifests } from '#lab/manifests.ts';
import { nameInNodes } from '#machine/image-names.ts';
import { loadVersions } from '#machine/versions.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';

const part = 'metrics-server-image';
const api = 'metrics.k8s.io/v1beta1';

/** metrics-server: `metrics.k8s.io/v1beta1`, of which a HorizontalPodAutoscaler reads what pods use, every 15 s. */
export const metricsServer: AddOn = {
  parts: [part],
  async install(cluster, signal) {
    const options = { timeoutMs: timeouts.resourceMetricsMs, ...(signal && { signal }) };
    await cluster.apply(await manifests(), signal);
    await until(`${api} of cluster ${cluster.name} to answer`, () => look(cluster), options);
  },
  async stands(cluster) {
    return (await unavailable(cluster)) === undefined;
  },
};

async function manifests(): Promise<Manifest[]> {
  const [text, versions] = await Promise.all([
    readFile(resolve(import.meta.dirname, 'metrics-server.yaml'), 'utf8'),
    loadVersions(),
  ]);
  const filled = text.replaceAll(`\${${part}}`, nameInNodes(versions, part));
  return parseManifests(filled);
}

/** That the API server forwards the group is not enough: the pod that we applied has to say something of a node. */
async function look(cluster: Cluster): Promise<Look<true>> {
  const found = await cluster.read<Deployment>('apps/v1', 'Deployment', 'metrics-server', 'kube-system');
  if (found?.status?.observedGeneration !== found?.metadata?.generation || !found?.status?.readyReplicas)
    return { seen: 'no ready pod' };
  const trouble = await unavailable(cluster);
  if (trouble !== undefined) return { seen: trouble };
  const [node] = await cluster.list<NodeMetrics>(api, 'NodeMetrics');
  return node?.usage?.cpu === undefined ? { seen: 'no metrics of any node' } : { done: true };
}

/** Why the API server does not serve resource metrics, in its own words; undefined when it does. */
async function unavailable(cluster: Cluster): Promise<string | undefined> {
  const service = await cluster.read<ApiService>('apiregistration.k8s.io/v1', 'APIService', 'v1beta1.metrics.k8s.io');
  if (!service) return 'no APIService of that name';
  const available = service.status?.conditions?.find(({ type }) => type === 'Available');
  return available?.status === 'True' ? undefined : (available?.message ?? 'not yet looked at');
}

interface ApiService {
  metadata?: object;
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}
interface Deployment {
  metadata?: { generation?: number };
  status?: { observedGeneration?: number; readyReplicas?: number };
}
interface NodeMetrics {
  metadata?: object;
  usage?: { cpu?: string };
}
