import { describe, expect, it } from 'vitest';
import { readIstiodVersion, readServerInfo } from '#install/capabilities.ts';

const page = (extensions: object[]) => ({
  version: '9e5580933739775e8bce696a57a2e1bc99368f23/1.40.0/Clean/RELEASE/BoringSSL',
  state: 'LIVE',
  node: {
    id: 'sidecar~10.10.0.6~echo-75b6678bb8-mwllx.demo~demo.svc.cluster.local',
    metadata: { ISTIO_VERSION: '1.31-dev.eed52ebb66ad', NAMESPACE: 'demo' },
    extensions,
  },
});

describe('what a proxy says of itself', () => {
  it('upstream Envoy has none of the filters of Istio', () => {
    const extensions = [{ name: 'envoy.filters.http.rbac', type_urls: ['envoy.extensions.filters.http.rbac.v3.RBAC'] }];
    expect(readServerInfo(page(extensions))).toEqual({
      version: '1.40.0',
      agent: '1.31-dev.eed52ebb66ad',
      sidecar: true,
      istioFilters: false,
    });
  });

  it.each([
    { name: 'istio.alpn' },
    { name: 'envoy.filters.http.istio_stats' },
    { name: 'envoy.filters.http.wasm.v3', type_urls: ['stats.PluginConfig'] },
  ])('Istio has its own: $name', (extension) => {
    expect(readServerInfo(page([extension])).istioFilters).toBe(true);
  });

  it('a gateway is no sidecar', () => {
    const gateway = page([]);
    gateway.node.id = 'router~10.10.0.6~gateway.demo~demo.svc.cluster.local';
    expect(readServerInfo(gateway).sidecar).toBe(false);
  });
});

describe('the version of istiod', () => {
  it.each([
    ['1.22-dev.55f12a68b4f9-55f12a68b4f9-Clean', '1.22-dev.55f12a68b4f9'],
    ['1.28.0-0b8ae8bfd9e2a3a2f9f5a7a4a2c5d0fb8e1d5a55-Clean\n', '1.28.0'],
  ])('%s is %s', (text, version) => {
    expect(readIstiodVersion(text)).toBe(version);
  });
});
