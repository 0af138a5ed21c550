import { describe, expect, it } from 'vitest';
import type { Manifest } from '#lab/cluster.ts';
import { expectedOutbound, outboundPolicy } from '#witness/outbound.ts';

const routes = (...names: string[][]) =>
  JSON.stringify({
    configs: names.map((hosts) => ({ route_config: { virtual_hosts: hosts.map((name) => ({ name })) } })),
  });
const sidecar = (mode: string, labels?: Record<string, string>): Manifest =>
  ({
    kind: 'Sidecar',
    metadata: { name: 'one' },
    spec: { outboundTrafficPolicy: { mode }, ...(labels && { workloadSelector: { labels } }) },
  }) as Manifest;

describe('outboundPolicy', () => {
  it.each([
    [routes(['a.svc:80', 'allow_any'], ['b.svc:81', 'allow_any']), 'ALLOW_ANY'],
    [routes(['a.svc:80', 'block_all'], ['sniffed']), 'REGISTRY_ONLY'],
    [routes(['allow_any'], ['block_all']), undefined],
    [routes(['sniffed']), undefined],
    ['{"configs":[]}', undefined],
  ])('reads the catch-all of every route: %s', (body, expected) => {
    expect(outboundPolicy(body)).toBe(expected);
  });
});

describe('expectedOutbound', () => {
  const gateway = { labels: { app: 'envoy-gateway' } };
  it('takes the Sidecar that selects the workload, then that of the namespace, then the default', () => {
    const own = sidecar('REGISTRY_ONLY', { app: 'envoy-gateway' });
    const other = sidecar('REGISTRY_ONLY', { app: 'beacon' });
    expect(expectedOutbound(gateway, [sidecar('ALLOW_ANY'), own])).toBe('REGISTRY_ONLY');
    expect(expectedOutbound(gateway, [other, sidecar('REGISTRY_ONLY')])).toBe('REGISTRY_ONLY');
    expect(expectedOutbound(gateway, [other])).toBe('ALLOW_ANY');
  });
});
