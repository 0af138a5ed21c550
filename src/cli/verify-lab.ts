import { ContextLease, LabLease } from '#cli/lab-lease.ts';
import { existingProduct, productsOf } from '#cli/products.ts';
import { askIstio } from '#install/capabilities.ts';
import { istioManifests, type IstioChannel } from '#install/istio-manifests.ts';
import { istioPartNames, istioPartsOf, nodeImageForLab } from '#install/istio-parts.ts';
import { installIstio } from '#install/istio.ts';
import type { Cluster } from '#lab/cluster.ts';
import { openExisting } from '#lab/existing.ts';
import { Forwards } from '#lab/forward.ts';
import { upLab } from '#lab/up.ts';
import { withProgress } from '#machine/images/progress.ts';
import { ensureParts } from '#machine/parts.ts';
import type { RunRecord } from '#verdict/result.ts';
import type { Target } from '#verdict/run.ts';
import type { Scene } from '#verdict/scene.ts';

/** What a run needs of a lab. */
export interface LabWish {
  name: string;
  topology: string;
  channels: readonly IstioChannel[];
  source?: 'pull' | 'build';
  /** A cluster of the user's, in place of a lab. */
  existing?: { context: string; revision: string };
  /** Capabilities that the run pretends are missing. */
  without: readonly string[];
}

/** A lab that stands, with its products installed. */
export interface ReadyLab {
  provider: string;
  products: RunRecord['products'];
  targets: Map<IstioChannel, Target>;
}

export interface Steps {
  say: (line: string) => void;
  /** Told at the end of each step; its time counts from the end of the one before. */
  step: (name: string) => void;
  signal: AbortSignal;
}

/** Makes images and tools, brings the lab up and installs Istio, as far as they do not stand already. */
export async function readyLab(wish: LabWish, { say, step, signal }: Steps): Promise<ReadyLab> {
  const { name, topology, channels, source } = wish;
  const nodeImagePart = await nodeImageForLab(name, channels, signal);
  const wanted = ['kind', nodeImagePart, ...istioPartNames(channels)];
  const options = { signal, ...(source && { source }) };
  const parts = await withProgress((onProgress) => ensureParts(wanted, { ...options, onProgress }));
  step('images and tools');
  const istio = istioPartsOf(channels, parts);
  const [lab, products] = await Promise.all([
    upLab({ name, topology, nodeImagePart, parts, say, signal }),
    productsOf(wanted, signal),
    // Needs no cluster: done while they come up.
    ...istio.map((each) => istioManifests(each, signal)),
  ]);
  step(lab.reused ? 'lab (stands)' : 'lab');
  const clusters = [...lab.clusters.values()];
  const installed = await Promise.all(clusters.map((each) => installIstio(each, istio, signal)));
  step(installed.flat().length > 0 ? 'istio' : 'istio (stands)');
  const [cluster] = clusters;
  if (!cluster) throw new Error(`topology ${topology} has no cluster`);
  const targets = channels.map((each): [IstioChannel, Target] => [each, targetFor(cluster, each, wish.without)]);
  return { provider: lab.provider, products, targets: new Map(targets) };
}

/** Opens a cluster of the user's, and asks which Istio it runs. Nothing is installed. */
export async function readyContext(
  cluster: Cluster,
  { channels: [channel = 'current'], without }: LabWish,
  revision: string,
): Promise<ReadyLab> {
  await using forwards = new Forwards(cluster);
  const facts = await askIstio(cluster, forwards, revision);
  return {
    provider: 'existing',
    products: [existingProduct(`istio-${channel}`, facts.versions.istiod, cluster.context)],
    targets: new Map([[channel, targetFor(cluster, channel, without, revision)]]),
  };
}

/** A control plane whose capabilities are asked once; a sidecar tells more than the control plane alone, so its answer stands. */
function targetFor(
  cluster: Cluster,
  channel: IstioChannel,
  without: readonly string[],
  revision: string = channel,
): Target {
  let [full, part]: (Promise<readonly string[]> | undefined)[] = [];
  const ask = async (scene?: Scene) => {
    const meshed = [...(scene?.workloads.values() ?? [])].find(({ sidecar }) => sidecar);
    const admin = meshed && (await scene?.admin(meshed.name));
    await using own = new Forwards(cluster);
    const { capabilities } = await askIstio(cluster, scene?.forwards ?? own, revision, admin);
    return capabilities.filter((each) => !without.includes(each));
  };
  const capabilities = (scene?: Scene): Promise<readonly string[]> => {
    if (scene) return (full ??= ask(scene));
    return full ?? (part ??= ask());
  };
  return { cluster, capabilities };
}

/** Takes the lab of a wish, or the cluster of the user's that it names, for one run. */
export async function takeLab(
  { name, existing }: LabWish,
  { say, signal }: Steps,
): Promise<{ lease: LabLease | ContextLease; cluster?: Cluster }> {
  if (!existing) return { lease: await LabLease.take(name, say, signal) };
  const lab = await openExisting({ main: existing.context }, signal);
  const [cluster] = lab.clusters.values();
  if (!cluster) throw new Error(`context ${existing.context} opened no cluster`);
  return { lease: await ContextLease.take(cluster, say, signal), cluster };
}
