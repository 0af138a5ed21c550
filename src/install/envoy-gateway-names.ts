/** Where the controller and its proxies stand. */
export const envoyGatewayNamespace = 'envoy-gateway-system';

/** Image of the controller, of its certgen Job, and of the shutdown manager beside each proxy. */
export const controllerImage = 'envoy-gateway-image';

/** An Envoy of kind/versions.yaml that the proxies can be. */
export type ProxyPart = 'envoy' | 'envoy-1.36-image';

/** Names of the parts that installing it takes on this machine, beside the images that a node needs. */
export const envoyGatewayTools: readonly string[] = ['helm', 'envoy-gateway-chart'];

/** Names of the images that a node needs; the Envoy `envoy` is in every node image. */
export const envoyGatewayImages = (proxy: ProxyPart = 'envoy'): string[] => [controllerImage, proxy];

/** The class that a lab's Gateways name. */
export const gatewayClass = 'meshwitness-eg';
