import { readFile } from 'node:fs/promises';
import type { AddOn } from '#install/add-ons.ts';
import { metallbManifests } from '#install/metallb-manifests.ts';
import { addressRange } from '#install/metallb-range.ts';
import { lookWorkload } from '#install/workload-ready.ts';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { owned } from '#lab/manifests.ts';
import { nameInNodes } from '#machine/image-names.ts';
import { loadVersions } from '#machine/versions.ts';
import { NotReadyError } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';

const images = { controller: 'metallb-controller-image', speaker: 'metallb-speaker-image' } as const;
const manifest = { part: 'metallb-manifests', file: 'metallb-native.yaml' };
const namespace = 'metallb-system';
const api = 'metallb.io/v1beta1';
const pool = 'meshwitness';

/** MetalLB, which gives Services of type LoadBalancer an address of the nodes' network and answers for it (layer 2). */
export const metallb: AddOn = {
  parts: Object.values(images),
  tools: [manifest.part],
  async install(cluster, signal) {
    const options = { timeoutMs: timeouts.loadBalancerMs, ...(signal && { signal }) };
    const [manifests, addresses] = await Promise.all([ourManifests(signal), ourAddresses(cluster, signal)]);
    await cluster.apply(manifests, signal);
    const served = async () => ({ done: await cluster.list(api, 'IPAddressPool', namespace) });
    await until(`${api} of cluster ${cluster.name} to be served`, served, options);
    await cluster.apply(addresses, signal);
    await until(`MetalLB of cluster ${cluster.name} to have addresses`, () => look(cluster), options);
  },
  async stands(cluster) {
    const services = await cluster.list<Service>('v1', 'Service');
    // Whoever gives addresses there, as long as someone does.
    if (services.some(({ status }) => status?.loadBalancer?.ingress?.length)) return true;
    return 'done' in (await look(cluster).catch(() => ({ seen: 'no definitions of MetalLB' })));
  },
};

async function ourManifests(signal?: AbortSignal): Promise<Manifest[]> {
  // Who only plans an installation need not wait for what makes parts.
  const { ensureParts, toolPath } = await import('#machine/parts.ts');
  const [ready, versions] = await Promise.all([ensureParts([manifest.part], signal ? { signal } : {}), loadVersions()]);
  const part = ready.get(manifest.part);
  if (!part) throw new NotReadyError(`part ${manifest.part} is not here`, './meshwitness images list');
  const text = await readFile(toolPath(part, manifest.file), 'utf8');
  const names = {
    controller: nameInNodes(versions, images.controller),
    speaker: nameInNodes(versions, images.speaker),
  };
  return metallbManifests(text, names);
}

async function ourAddresses(cluster: Cluster, signal?: AbortSignal): Promise<Manifest[]> {
  if (cluster.node === undefined) throw new Error(`cluster ${cluster.name} is not ours: it has its own addresses`);
  const { nodeNetwork } = await import('#lab/node-network.ts');
  const { first, last } = addressRange(await nodeNetwork(cluster.node, signal));
  const objects: (Manifest & { spec: object })[] = [
    {
      apiVersion: api,
      kind: 'IPAddressPool',
      metadata: { name: pool, namespace },
      spec: { addresses: [`${first}-${last}`] },
    },
    { apiVersion: api, kind: 'L2Advertisement', metadata: { name: pool, namespace }, spec: { ipAddressPools: [pool] } },
  ];
  return objects.map(owned);
}

/** Ready pods are not enough: the controller has to have taken a pool up, which its status tells. */
async function look(cluster: Cluster): Promise<Look<true>> {
  const workloads = [
    { kind: 'Deployment', namespace, name: 'controller' },
    { kind: 'DaemonSet', namespace, name: 'speaker' },
  ] as const;
  for (const workload of workloads) {
    const found = await lookWorkload(cluster, workload);
    if ('seen' in found) return { seen: `${workload.name}: ${found.seen}` };
  }
  const pools = await cluster.list<Pool>(api, 'IPAddressPool', namespace);
  const known = pools.some(({ status }) => (status?.availableIPv4 ?? 0) + (status?.assignedIPv4 ?? 0) > 0);
  return known ? { done: true } : { seen: 'no pool with addresses' };
}

interface Service {
  metadata?: object;
  status?: { loadBalancer?: { ingress?: object[] } };
}
interface Pool {
  metadata?: object;
  status?: { availableIPv4?: number; assignedIPv4?: number };
}
