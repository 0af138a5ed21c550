import {
  controllerImage,
  envoyGatewayImages,
  envoyGatewayTools,
  type ProxyPart,
} from '#install/envoy-gateway-names.ts';
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
    ensureParts([...envoyGatewayTools, ...envoyGatewayImages(proxy)], options),
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
  const [helm, chart] = envoyGatewayTools.map((part) => ready.get(part));
  if (!helm || !chart) throw new NotReadyError('the parts of Envoy Gateway are not here', './meshwitness images list');
  return {
    helm: toolPath(helm, 'helm'),
    chart: toolPath(chart, 'gateway-helm'),
    image: nameInNodes(versions, controllerImage),
    envoy: nameInNodes(versions, proxy),
  };
}
