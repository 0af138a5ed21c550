import { istioChannels, type IstioChannel, type IstioParts } from '#install/istio-manifests.ts';
import { readLab } from '#lab/record.ts';
import { ensureParts, findParts, toolPath, type EnsureOptions } from '#machine/parts.ts';
import { hubAndTag, type ReadyPart } from '#machine/ready-part.ts';
import { NotReadyError } from '#support/errors.ts';

/** Names of the parts that installing these versions takes, beside the node image that holds their images. */
export const istioPartNames = (channels: readonly IstioChannel[]): string[] =>
  channels.flatMap((channel) => [`istio-${channel}`, `istio-${channel}-pilot`]);

/** The node image of kind/versions.yaml in which these versions are preloaded. */
export const nodeImageFor = (channels: readonly IstioChannel[]): string =>
  channels.includes('older') ? 'node-both' : 'node-smoke';

/** As {@link nodeImageFor}; but a lab that stands on the image with more than is asked for stays as it is. */
export async function nodeImageForLab(
  lab: string,
  channels: readonly IstioChannel[],
  options: Parameters<typeof findParts>[1] = {},
): Promise<string> {
  const [record, all] = await Promise.all([readLab(lab), findParts([nodeImageFor(istioChannels)], options)]);
  const [wider] = all.values();
  return record?.complete && wider?.reference === record.nodeImage ? wider.part : nodeImageFor(channels);
}

/**
 * istioctl and the names of the images of some Istio versions, made first where they are missing.
 *
 * @throws NotReadyError when a part cannot be made
 */
export async function ensureIstio(
  channels: readonly IstioChannel[],
  options: EnsureOptions = {},
): Promise<IstioParts[]> {
  return istioPartsOf(channels, await ensureParts(istioPartNames(channels), options));
}

/** The same out of parts that are ready. */
export function istioPartsOf(channels: readonly IstioChannel[], ready: ReadonlyMap<string, ReadyPart>): IstioParts[] {
  return channels.map((channel) => {
    const [tool, pilot] = [ready.get(`istio-${channel}`), ready.get(`istio-${channel}-pilot`)];
    const image = pilot && hubAndTag(pilot);
    if (!tool || !image)
      throw new NotReadyError(`the parts of Istio ${channel} are not here`, './meshwitness images list');
    // A published proxy is Istio's own build; ours is built around upstream Envoy.
    return { channel, istioctl: toolPath(tool, 'istioctl'), ...image, upstreamEnvoy: pilot.origin === 'build' };
  });
}
