import type { IstioChannel } from '#install/istio-manifests.ts';

/** The product, in one version, under which a check is decided. */
export type Channel = IstioChannel | 'envoy-gateway';

/** As reports call it: `istio-current`, `envoy-gateway`. */
export const productName = (channel: Channel): string => (channel === 'envoy-gateway' ? channel : `istio-${channel}`);

/** Those of them that are versions of Istio. */
export const istioAmong = (channels: Iterable<Channel>): IstioChannel[] =>
  [...channels].filter((each) => each !== 'envoy-gateway');
