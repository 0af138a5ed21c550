// Proves that "not captured", "captured but not matched" and "matched" are three states, told apart by one log.
import type { Expectation } from '#verdict/expectation.ts';
import { check } from '#verdict/check.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { matchedCluster, mutualTls, notCaptured, passedThrough, plaintextAt } from '#verdict/expectations/proxy-log.ts';
import { z } from 'zod';
import { clusterOf, throughEdge } from './semaphore.ts';

const gateways = ['envoy-gateway', 'envoy-gateway-uncaptured', 'envoy-gateway-bare'];

export default check({
  id: 'GS-04',
  title: 'Capture versus match, three-way classifier',
  level: 'core',
  system: 'gateway-switch',
  tags: ['mtls', 'capture'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', ...gateways, 'auth-identity'],
  story: {
    setUp:
      'Three gateways, all with a ready sidecar: one whose outbound traffic is left out of capture, one captured, one captured without the annotation includeOutboundIPRanges. Each with the public Host kept, the captured ones with the Host rewritten too.',
    sends: 'GET /auth/login through each variant.',
    expects:
      'No line in the sidecar log (not captured), PassthroughCluster (captured, unmatched), or outbound|8081||auth-identity (matched). Without the annotation nothing changes: "*" is the default of the chart.',
    why: 'The three need three different cures. "Captured" is not "matched", and the annotation cures neither.',
  },
  params: { excluded: 'envoy-gateway-uncaptured:8080', kept: 'envoy-gateway:8080', rewritten: 'envoy-gateway:8090' },
  async collect(stage, doors) {
    const bare = { 'bare-kept': 'envoy-gateway-bare:8080', 'bare-rewritten': 'envoy-gateway-bare:8090' };
    await Promise.all(
      Object.entries({ ...doors, ...bare }).map(([name, door]) =>
        stage.call(name, throughEdge(stage.names, door, '/auth/login', 'auth-identity')),
      ),
    );
    const pods = await stage.objects('v1', 'Pod', stage.names['namespace'] ?? '');
    stage.record('sidecars', Object.fromEntries(gateways.map((name) => [name, pods.some((pod) => meshed(pod, name))])));
  },
  judge: ({ names, probe, fact }) => {
    const served = [answered(200), receivedBy('auth-identity')];
    const unmatched = [...served, atGateway((name) => passedThrough(name)), plaintextAt('auth-identity')];
    const cluster = clusterOf(names, 'auth-identity');
    const matched = [...served, atGateway((name) => matchedCluster(name, cluster)), mutualTls('auth-identity')];
    return [
      probe('excluded', ...served, atGateway(notCaptured), plaintextAt('auth-identity')),
      probe('kept', ...unmatched),
      probe('bare-kept', ...unmatched),
      probe('rewritten', ...matched),
      probe('bare-rewritten', ...matched),
      fact('sidecars', everySidecarReady),
    ];
  },
  twins: [
    {
      name: 'exclusion-lost',
      sabotage: 'The variant that should be left out of capture has lost its annotation, and is captured.',
      breaks: 'not-captured',
      on: 'excluded',
      only: true,
      params: { excluded: 'envoy-gateway-bare:8080' },
    },
    {
      name: 'rewrite-lost',
      sabotage: 'The variant that should rewrite the Host passes it on.',
      breaks: 'matched-cluster',
      on: 'rewritten',
      only: true,
      params: { rewritten: 'envoy-gateway:8080' },
    },
  ],
});

/** Weighs the log of the gateway that the call really went through, which the edge was told by name. */
const atGateway =
  (expect: (workload: string) => Expectation): Expectation =>
  (probe) =>
    expect(probe.request.headers['x-edge-backend']?.split(':')[0] ?? '')(probe);

const everySidecarReady = factIs({
  expectation: 'sidecar-ready',
  kind: 'object',
  from: 'API server',
  expected: 'a ready sidecar in every gateway pod',
  shape: z.record(z.string(), z.boolean()),
  met: (ready) => Object.values(ready).every(Boolean),
});

function meshed(pod: object, name: string): boolean {
  const { metadata, status } = pod as Pod;
  const states = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return metadata?.labels?.['app'] === name && states.some((each) => each.name === 'istio-proxy' && each.ready);
}

interface Pod {
  metadata?: { labels?: Record<string, string> };
  status?: Record<'containerStatuses' | 'initContainerStatuses', { name: string; ready: boolean }[] | undefined>;
}
