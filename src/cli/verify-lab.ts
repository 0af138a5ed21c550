import { withProgress } from '#machine/images/progress.ts';
import { ensureParts, findParts, type EnsureOptions } from '#machine/parts.ts';
import type { ReadyPart } from '#machine/ready-part.ts';
import { loadVersions } from '#machine/versions.ts';
import type { IstioChannel } from '#install/istio-manifests.ts';
import { askIstio } from '#install/capabilities.ts';
import { ensureIstio, istioPartNames, nodeImageForLab } from '#install/istio-parts.ts';
import { installIstio } from '#install/istio.ts';
import type { Cluster } from '#lab/cluster.ts';
import { Forwards } from '#lab/forward.ts';
import { upLab } from '#lab/up.ts';
import type { Target } from '#verdict/run.ts';
import type { Scene } from '#verdict/scene.ts';
import type { RunRecord } from '#verdict/result.ts';

/** What a run needs of a lab. */
export interface LabWish {
  name: string;
  topology: string;
  channels: readonly IstioChannel[];
  source?: 'pull' | 'build';
  /** Capabilities that the run pretends are missing. */
  without: readonly string[];
}

/** A lab that stands, with its products installed and asked what they can do. */
export interface ReadyLab {
  provider: string;
  products: RunRecord['products'];
  targets: Map<IstioChannel, Target>;
}

interface Progress {
  say: (line: string) => void;
  timed: (step: string, durationMs: number) => void;
  signal: AbortSignal;
}

/** Makes images and tools, brings the lab up and installs Istio, as far as they do not stand already. */
export async function readyLab(wish: LabWish, { say, timed, signal }: Progress): Promise<ReadyLab> {
  const { name, topology, channels, source } = wish;
  const clock = stopwatch(timed);
  const node = await nodeImageForLab(name, channels, signal);
  const wanted = ['kind', node, ...istioPartNames(channels)];
  await withProgress((onProgress) => ensureParts(wanted, { signal, onProgress, ...(source && { source }) }));
  clock('images and tools');
  const options: EnsureOptions = { signal, ...(source && { source }) };
  const [lab, istio] = await Promise.all([
    upLab({ name, topology, nodeImagePart: node, say, signal }),
    ensureIstio(channels, options),
  ]);
  clock(lab.reused ? 'lab (stands)' : 'lab');
  const [cluster] = lab.clusters.values();
  if (!cluster) throw new Error(`topology ${topology} has no cluster`);
  await installIstio(cluster, istio, signal);
  clock('istio');
  const products = await productsOf(wanted, signal);
  const targets = channels.map((channel): [IstioChannel, Target] => {
    // A sidecar tells more than the control plane alone: once one was asked, that answer stands.
    let [full, part]: (Promise<readonly string[]> | undefined)[] = [];
    const capabilities = (scene?: Scene) => {
      if (scene) return (full ??= ask(cluster, channel, scene, wish.without));
      return full ?? (part ??= ask(cluster, channel, undefined, wish.without));
    };
    return [channel, { cluster, capabilities }];
  });
  return { provider: lab.provider, products, targets: new Map(targets) };
}

async function ask(
  cluster: Cluster,
  channel: IstioChannel,
  scene: Scene | undefined,
  without: readonly string[],
): Promise<readonly string[]> {
  const meshed = [...(scene?.workloads.values() ?? [])].find(({ sidecar }) => sidecar);
  const admin = meshed && (await scene?.admin(meshed.name));
  await using forwards = new Forwards(cluster);
  const { capabilities } = await askIstio(cluster, scene?.forwards ?? forwards, channel, admin);
  return capabilities.filter((each) => !without.includes(each));
}

/** The parts that the run stands on, those inside the node too, with where each came from. */
async function productsOf(names: readonly string[], signal: AbortSignal): Promise<RunRecord['products']> {
  const { parts } = await loadVersions();
  const inside = (part: string): string[] => {
    const spec = parts[part];
    return spec?.build === 'node' ? [part, ...inside(spec.base), ...spec.preload] : [part];
  };
  const found = await findParts([...new Set(names.flatMap(inside))], signal);
  return [...found.values()].map(productOf);
}

function productOf({
  part,
  version,
  origin,
  reference,
  path,
  digest,
  module,
}: ReadyPart): RunRecord['products'][number] {
  return {
    part,
    version,
    origin,
    reference: reference ?? path?.split('/').at(-1) ?? part,
    ...(digest !== undefined && { digest }),
    ...(module !== undefined && { module }),
  };
}

/** Tells the time of each step from the end of the one before it. */
export function stopwatch(timed: (step: string, durationMs: number) => void): (step: string) => void {
  let since = performance.now();
  return (step) => {
    const now = performance.now();
    timed(step, now - since);
    since = now;
  };
}
