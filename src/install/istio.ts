import {
  istioChannels,
  istioManifests,
  istioNamespace as namespace,
  type IstioChannel,
  type IstioManifests,
  type IstioParts,
} from '#install/istio-manifests.ts';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { ownerLabel } from '#support/paths.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';

/**
 * Installs Istio versions as revisions, side by side. What stands with the same version and the same values is left as
 * it is. istioctl says what to apply; we apply it ourselves, as its own `install` waits for one revision after the
 * other, looks every two seconds and cannot be told apart from a failure when it is cut short.
 *
 * @returns the channels that were installed, not those that stood already
 * @throws NotReadyError with istioctl's own words, or when an istiod is not ready in time
 */
export async function installIstio(
  cluster: Cluster,
  wanted: readonly IstioParts[],
  signal?: AbortSignal,
): Promise<IstioChannel[]> {
  const all = await Promise.all(wanted.map((parts) => istioManifests(parts, signal)));
  const hashes = await Promise.all(all.map(({ channel }) => installedHash(cluster, channel)));
  const missing = all.filter(({ hash }, index) => hashes[index] !== hash);
  if (missing.length > 0) {
    const owned: Manifest = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { [ownerLabel]: 'meshwitness' } },
    };
    const base = await baseFor(cluster, missing);
    await cluster.apply([owned, ...base, ...missing.flatMap(({ revision }) => revision)], signal);
  }
  await Promise.all(all.map(({ channel }) => istiodReady(cluster, channel, signal)));
  const records = missing.map(({ channel, hash }) => ({ ...recordOf(channel), data: { hash } }) as Manifest);
  await cluster.apply(records, signal);
  return missing.map(({ channel }) => channel);
}

/** Definitions and roles are shared between revisions and must be those of the newest that stands or comes. */
async function baseFor(cluster: Cluster, missing: readonly IstioManifests[]): Promise<Manifest[]> {
  const newest = istioChannels.map((name) => missing.find(({ channel }) => channel === name)).find(Boolean);
  if (newest === undefined) return [];
  const newer = istioChannels.slice(0, istioChannels.indexOf(newest.channel));
  const standing = await cluster.list<Deployment>('apps/v1', 'Deployment', namespace, 'app=istiod');
  const revisions: unknown[] = standing.map(({ metadata }) => metadata?.labels?.['istio.io/rev']);
  return newer.some((channel) => revisions.includes(channel)) ? [] : newest.base;
}

/** Written once an installation is ready: what a rerun compares with. */
const recordOf = (channel: IstioChannel): Manifest => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: `meshwitness-istio-${channel}`, namespace, labels: { [ownerLabel]: 'meshwitness' } },
});

async function installedHash(cluster: Cluster, channel: IstioChannel): Promise<string | undefined> {
  const { name } = recordOf(channel).metadata;
  const record = await cluster.read<Manifest & { data?: { hash?: string } }>('v1', 'ConfigMap', name, namespace);
  return record?.data?.hash;
}

async function istiodReady(cluster: Cluster, revision: string, signal?: AbortSignal): Promise<void> {
  const look = async () => {
    const found = await cluster.list<Deployment>(
      'apps/v1',
      'Deployment',
      namespace,
      `app=istiod,istio.io/rev=${revision}`,
    );
    const { metadata, status } = found[0] ?? {};
    // An old pod may still be ready while the one that was just applied is not.
    if (status?.observedGeneration !== metadata?.generation || status?.updatedReplicas === 0)
      return { seen: 'the change is not yet observed' };
    return (status?.readyReplicas ?? 0) > 0 && (status?.unavailableReplicas ?? 0) === 0
      ? { done: true }
      : { seen: found.length === 0 ? 'no istiod of that revision' : 'no ready replica' };
  };
  await until(`istiod of revision ${revision} to be ready`, look, {
    timeoutMs: timeouts.controlPlaneReadyMs,
    ...(signal && { signal }),
  });
}

interface Deployment {
  metadata?: { generation?: number; labels?: Record<string, string> };
  status?: {
    observedGeneration?: number;
    updatedReplicas?: number;
    readyReplicas?: number;
    unavailableReplicas?: number;
  };
}
