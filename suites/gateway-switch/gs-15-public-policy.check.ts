// Proves which attributes a policy on a plaintext hop can use: none of the caller's identity, only where it calls from.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { calledFrom, deniedByPolicy, plaintextAt } from '#verdict/expectations/proxy-log.ts';
import type { CallPlan } from '#verdict/stage.ts';
import { publicHost, throughEdge } from './semaphore.ts';

const gateway = 'envoy-gateway';

export default check({
  id: 'GS-15',
  title: 'Public policy of the gateway uses attributes that exist on a plaintext hop',
  level: 'core',
  system: 'gateway-switch',
  tags: ['authorization', 'public-hop'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', 'outsider', gateway, 'auth-identity'],
  story: {
    setUp:
      'One AuthorizationPolicy on the gateway at a time: the ServiceAccount of the edge as principal; its namespace; the address of its pod; no source at all.',
    sends:
      'GET /auth/login through the edge, which is outside the mesh, under each; under the address also from another pod outside the mesh, straight and through the edge. Both before and after, without a policy.',
    expects:
      'By principal and by namespace: 403, as a plaintext peer has no identity. By address: 200 for the edge, whose own address the gateway sees, and 403 for the other pod, until it hides behind the edge. Without a source: 200.',
    why: 'A policy that names an identity where none can be denies the whole site; one without a source admits the world.',
  },
  async collect(stage) {
    const { names } = stage;
    const edge = throughEdge(names, `${gateway}:8090`, '/auth/login', 'auth-identity');
    const outsider: CallPlan = {
      from: 'outsider',
      to: 'auth-identity',
      url: `http://${gateway}.${names['namespace']}.svc.cluster.local:8090/auth/login`,
      headers: { host: publicHost },
    };
    stage.record('addresses', { edge: stage.address('edge'), outsider: stage.address('outsider') });
    await stage.between({ under: 'principal' }, { edge, outsider }, async () => {
      await stage.call('principal', edge);
      await stage.replace('principal', 'namespace');
      await stage.call('namespace', edge);
      await stage.replace('namespace', 'address');
      await Promise.all([
        stage.call('address', edge),
        stage.call('address-of-another', outsider),
        stage.call('behind-the-edge', { ...edge, from: 'outsider' }),
      ]);
      await stage.replace('address', 'unrestricted');
      await stage.call('unrestricted', edge);
      await stage.remove('unrestricted');
    });
  },
  judge: ({ evidence, probe, probes, fact }) => {
    const from = addresses.safeParse(evidence.facts['addresses']).data ?? { edge: '', outsider: '' };
    const admitted = [answered(200), plaintextAt(gateway), receivedBy('auth-identity')];
    const denied = [answered(403, 'RBAC: access denied'), deniedByPolicy(gateway), notReceivedBy('auth-identity')];
    return [
      fact('addresses', apart),
      probes('edge-', ...admitted, calledFrom(gateway, from.edge)),
      probes('outsider-', ...admitted, calledFrom(gateway, from.outsider)),
      probe('principal', ...denied),
      probe('namespace', ...denied),
      probe('address', ...admitted, calledFrom(gateway, from.edge)),
      probe('behind-the-edge', ...admitted, calledFrom(gateway, from.edge)),
      probe('address-of-another', ...denied, calledFrom(gateway, from.outsider)),
      probe('unrestricted', ...admitted),
    ];
  },
  twins: [
    {
      name: 'block-too-wide',
      sabotage: 'The address block takes in every pod of the cluster, so the other pod is admitted as well.',
      breaks: 'denied-by-policy',
      on: 'address-of-another',
      only: true,
    },
    {
      name: 'no-source',
      sabotage: 'The policy that should name a principal has lost its source clause: the edge gets in.',
      breaks: 'denied-by-policy',
      on: 'principal',
      only: true,
    },
  ],
});

const addresses = z.object({ edge: z.string(), outsider: z.string() });

const apart = factIs({
  expectation: 'addresses-differ',
  kind: 'object',
  from: 'API server',
  expected: 'an address for each of the two pods',
  shape: addresses,
  met: ({ edge, outsider }) => edge !== '' && outsider !== '' && edge !== outsider,
});
