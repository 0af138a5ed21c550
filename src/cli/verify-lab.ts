import { ContextLease } from '#cli/context-lease.ts';
import type { LabWish } from '#cli/lab-wish.ts';
import type { PreparedLab } from '#cli/prepare-lab.ts';
import { say } from '#cli/progress.ts';
import { existingProduct, productsOf } from '#cli/products.ts';
import { askAddOns, installAddOns } from '#install/add-ons.ts';
import { askIstio } from '#install/capabilities.ts';
import { istioAmong, productName, type Channel } from '#install/channel.ts';
import { envoyGatewayPartsOf } from '#install/envoy-gateway-parts.ts';
import { istioManifests } from '#install/istio-manifests.ts';
import { istioPartsOf } from '#install/istio-parts.ts';
import { installIstio } from '#install/istio.ts';
import type { Cluster } from '#lab/cluster.ts';
import { openExisting } from '#lab/existing.ts';
import { Forwards } from '#lab/forward.ts';
import { bringImages, type PodImage } from '#lab/images.ts';
import { upLab } from '#lab/up.ts';
import { watchLab, type LabWatch } from '#lab/watch.ts';
import { nameInNodes } from '#machine/image-names.ts';
import type { ReadyPart } from '#machine/ready-part.ts';
import { loadVersions } from '#machine/versions.ts';
import { messageOf, NotReadyError } from '#support/errors.ts';
import type { RunRecord } from '#verdict/result.ts';
import type { Target } from '#verdict/run.ts';
import type { Scene } from '#verdict/scene.ts';

type Parts = ReadonlyMap<string, ReadyPart>;

/** A lab that stands, with its products installed. */
export interface ReadyLab {
  provider: string;
  products: RunRecord['products'];
  targets: Map<Channel, Target>;
  /** Ends the run with one line when the ground goes away under the lab; absent on a cluster of the user's. */
  watch?: () => LabWatch;
}

/** Brings the lab up and installs Istio, as far as they do not stand already. */
export async function readyLab(
  { name, topology, channels, parts: asked, needs, without }: LabWish,
  { nodeImagePart, wanted, clusterParts, making, images }: PreparedLab,
  step: (name: string) => void,
  signal: AbortSignal,
): Promise<ReadyLab> {
  const coming = upLab({ name, topology, nodeImagePart, parts: clusterParts, say, signal: making.signal });
  // Needs no cluster: done while they come up.
  const meanwhile = async () => {
    const parts = await making.ready();
    const istio = istioPartsOf(istioAmong(channels), parts);
    const [products] = await Promise.all([
      productsOf(wanted, { images, signal }),
      ...istio.map((each) => istioManifests(each, signal)),
    ]);
    return { parts, istio, products };
  };
  const [lab, { parts, istio, products }] = await Promise.all([coming, meanwhile()]).catch(async (error: unknown) => {
    // The caller takes the lab down: nobody may be at work on it any more.
    await Promise.allSettled([coming]);
    throw error;
  });
  step(lab.reused ? 'lab (stands)' : 'lab');
  const clusters = [...lab.clusters.values()];
  if (asked.length > 0) {
    const wantedByPods = await podImages(asked, parts);
    const brought = await Promise.all(clusters.map((each) => bringImages(each, wantedByPods, signal)));
    step(brought.flat().length > 0 ? 'images into nodes' : 'images into nodes (there)');
  }
  const [installed, added] = await Promise.all([
    Promise.all(clusters.map((each) => installIstio(each, istio, signal))),
    Promise.all(clusters.map((each) => installAddOns(each, needs, signal))),
    channels.includes('envoy-gateway') && installGateways(clusters, parts, signal),
  ]);
  const [brought = []] = added;
  if (brought.length > 0) step('istio and add-ons');
  else step(installed.flat().length > 0 ? 'istio' : 'istio (stands)');
  const [cluster] = clusters;
  if (!cluster) throw new Error(`topology ${topology} has no cluster`);
  const targets = channels.map((each): [Channel, Target] => [each, targetFor(cluster, each, { without, brought })]);
  const watch = () => watchLab(name, [...lab.clusters.keys()]);
  return { provider: lab.provider, products, targets: new Map(targets), watch };
}

/** Its code is read only where a check asks for it. */
async function installGateways(clusters: Cluster[], parts: Parts, signal: AbortSignal): Promise<void> {
  const [{ installEnvoyGateway }, versions] = await Promise.all([import('#install/envoy-gateway.ts'), loadVersions()]);
  await Promise.all(clusters.map((each) => installEnvoyGateway(each, envoyGatewayPartsOf(parts, versions), signal)));
}

/** Images of parts that are ready, and the names by which manifests ask for them. */
async function podImages(names: readonly string[], parts: Parts): Promise<PodImage[]> {
  const versions = await loadVersions();
  return names.map((part) => {
    const reference = parts.get(part)?.reference;
    if (reference === undefined) throw new Error(`image ${part} was planned and not made`);
    return { reference, name: nameInNodes(versions, part) };
  });
}

/** A cluster of the user's, by its context, held for this run. */
export async function takeContext(
  context: string,
  signal: AbortSignal,
): Promise<{ lease: ContextLease; cluster: Cluster }> {
  const lab = await openExisting({ main: context }, signal);
  const [cluster] = lab.clusters.values();
  if (!cluster) throw new Error(`context ${context} opened no cluster`);
  return { lease: await ContextLease.take(cluster, say, signal), cluster };
}

/** Asks a cluster of the user's which Istio it runs. Nothing is installed. */
export async function readyContext(
  cluster: Cluster,
  { channels: [channel = 'current'], without }: LabWish,
  revision: string,
): Promise<ReadyLab> {
  await using forwards = new Forwards(cluster);
  const facts = await askIstio(cluster, forwards, revision).catch((error: unknown) => {
    throw new NotReadyError(messageOf(error), 'name the revision that runs there: --revision NAME', error);
  });
  return {
    provider: 'existing',
    products: [existingProduct(productName(channel), facts.versions.istiod, cluster.context)],
    targets: new Map([[channel, targetFor(cluster, channel, { without, revision })]]),
  };
}

const askGateways = async (cluster: Cluster, forwards: Forwards) =>
  (await import('#install/envoy-gateway-facts.ts')).askEnvoyGateway(cluster, forwards);

/**
 * A control plane whose capabilities are asked once; a sidecar tells more than the control plane alone, so its answer stands.
 * What a scene's own provider can do is said of that scene, and, without one, of all that were asked about.
 */
function targetFor(
  cluster: Cluster,
  channel: Channel,
  {
    without,
    brought,
    revision = channel,
  }: { without: readonly string[]; brought?: readonly string[]; revision?: string },
): Target {
  let [full, part]: (Promise<readonly string[]> | undefined)[] = [];
  const ask = async (scene?: Scene) => {
    const meshed = [...(scene?.workloads.values() ?? [])].find(({ sidecar }) => sidecar);
    const admin = meshed && (await scene?.admin(meshed.name));
    await using own = new Forwards(cluster);
    const forwards = scene?.forwards ?? own;
    const [{ capabilities }, added] = await Promise.all([
      channel === 'envoy-gateway' ? askGateways(cluster, forwards) : askIstio(cluster, forwards, revision, admin),
      // What we brought has answered; on a loaded machine it may be silent for a moment.
      brought ?? askAddOns(cluster),
    ]);
    return [...capabilities, ...added];
  };
  const asked = (scene?: Scene): Promise<readonly string[]> => {
    if (scene) return (full ??= ask(scene));
    return full ?? (part ??= ask());
  };
  const ofScenes = new Set<string>();
  const capabilities = async (scene?: Scene): Promise<readonly string[]> => {
    const own = scene?.plan.provider?.brings ?? [];
    own.forEach((each) => ofScenes.add(each));
    const all = [...(await asked(scene)), ...(scene ? own : ofScenes)];
    return all.filter((each) => !without.includes(each));
  };
  return { cluster, capabilities };
}
