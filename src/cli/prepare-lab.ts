import type { LabWish } from '#cli/lab-wish.ts';
import { LabLease } from '#cli/lab-lease.ts';
import { say, type Timings } from '#cli/progress.ts';
import { addOnTools } from '#install/add-ons.ts';
import { istioAmong } from '#install/channel.ts';
import { envoyGatewayTools } from '#install/envoy-gateway-names.ts';
import { istioPartNames, nodeImageForLab } from '#install/istio-parts.ts';
import type { EngineInfo } from '#machine/docker.ts';
import { ensureEngine } from '#machine/engine.ts';
import { withProgress } from '#machine/images/progress.ts';
import { LocalImages } from '#machine/parts-local.ts';
import { startParts, type PartsUnderWay } from '#machine/parts.ts';
import type { ReadyPart } from '#machine/ready-part.ts';

/** What a lab is made from, and the lab held for this run; the lab itself may not stand yet. */
export interface PreparedLab {
  engine: EngineInfo;
  lease: LabLease;
  nodeImagePart: string;
  /** Names of the parts of this run. */
  wanted: string[];
  /** What clusters are made from: kind and the node image. */
  clusterParts: ReadonlyMap<string, ReadyPart>;
  /** All parts of this run, some of which may still be made. */
  making: PartsUnderWay;
  /** Those of this machine, listed once for the whole run. */
  images: LocalImages;
}

/**
 * Makes sure of the engine, takes the lab, and makes images and tools that are missing, as far as a cluster is made from them.
 * Nothing here works on a cluster, so it goes on while the libraries that do are read from disk.
 *
 * @throws NotReadyError without an engine, when another run uses the lab, or when a part cannot be made
 */
export async function prepareLab(
  { name, channels, parts: asked, tools: own, needs, source }: LabWish,
  { keep, step, signal }: { keep: boolean; step: ReturnType<Timings['stopwatch']>; signal: AbortSignal },
): Promise<PreparedLab> {
  const engine = await ensureEngine({ say, signal });
  step('engine');
  const lease = await LabLease.take(name, say, signal);
  if (lease.afterKill) step('lock of a killed run');
  try {
    const images = new LocalImages();
    const istio = istioAmong(channels);
    const nodeImagePart = await nodeImageForLab(name, istio, { images, signal });
    const tools = [...(channels.includes('envoy-gateway') ? envoyGatewayTools : []), ...addOnTools(needs), ...own];
    const first = ['kind', nodeImagePart];
    const wanted = [...first, ...istioPartNames(istio), ...tools, ...asked];
    const options = { images, signal, ...(source && { source }) };
    const { making, clusterParts } = await withProgress(async (onProgress) => {
      const started = await startParts(wanted, { ...options, onProgress });
      return { making: started, clusterParts: await started.ready(first) };
    });
    step('images and tools');
    return { engine, lease, nodeImagePart, wanted, clusterParts, making, images };
  } catch (error) {
    await lease.end(keep);
    throw error;
  }
}
