import { ensureParts, toolPath, type EnsureOptions } from '#machine/parts.ts';
import { nameInNodes } from '#machine/image-names.ts';
import type { ReadyPart } from '#machine/ready-part.ts';
import { loadVersions, type Versions } from '#machine/versions.ts';
import { NotReadyError } from '#support/errors.ts';

/** What installing Envoy Gateway takes: programs and files on this machine, images that the node holds under these names. */
export interface EnvoyGatewayParts {
  helm: string;
  /** Folder of the chart. */
  chart: string;
  /** Image of the controller, of its certgen Job, and of the shutdown manager beside each proxy. */
  image: string;
  /** Image of the proxies. */
  envoy: string;
}

const image = 'envoy-gateway-image';
const files = ['helm', 'envoy-gateway-chart'];

/** An Envoy of kind/versions.yaml that the proxies can be. */
export type ProxyPart = 'envoy' | 'envoy-1.36-image';

/** Names of the parts that installing it takes on this machine, beside the images that a node needs. */
export const envoyGatewayTools: readonly string[] = files;

/** Names of the images that a node needs; the Envoy `envoy` is in every node image. */
export const envoyGatewayImages = (proxy: ProxyPart = 'envoy'): string[] => [image, proxy];

/**
 * The parts of Envoy Gateway, made first where they are missing.
 *
 * @throws NotReadyError when a part cannot be made
 */
export async function ensureEnvoyGateway(
  proxy: ProxyPart = 'envoy',
  options: EnsureOptions = {},
): Promise<EnvoyGatewayParts> {
  const [ready, versions] = await Promise.all([
    ensureParts([...files, ...envoyGatewayImages(proxy)], options),
    loadVersions(),
  ]);
  return envoyGatewayPartsOf(ready, versions, proxy);
}

/** The same out of parts that are ready. */
export function envoyGatewayPartsOf(
  ready: ReadonlyMap<string, ReadyPart>,
  versions: Versions,
  proxy: ProxyPart = 'envoy',
): EnvoyGatewayParts {
  const [helm, chart] = files.map((part) => ready.get(part));
  if (!helm || !chart) throw new NotReadyError('the parts of Envoy Gateway are not here', './meshwitness images list');
  return {
    helm: toolPath(helm, 'helm'),
    chart: toolPath(chart, 'gateway-helm'),
    image: nameInNodes(versions, image),
    envoy: nameInNodes(versions, proxy),
  };
}
