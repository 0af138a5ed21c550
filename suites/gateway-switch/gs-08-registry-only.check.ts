// Proves that REGISTRY_ONLY makes the wrong Host loud: the gateway's own sidecar answers, and nothing leaves in plaintext.
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { blockedOutbound, passedThrough, plaintextAt } from '#verdict/expectations/proxy-log.ts';
import { throughEdge } from './semaphore.ts';

export default check({
  id: 'GS-08',
  title: 'REGISTRY_ONLY makes the mistake loud',
  level: 'core',
  system: 'gateway-switch',
  tags: ['mtls', 'plaintext', 'registry-only'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', 'envoy-gateway', 'auth-identity'],
  story: {
    setUp:
      'A Sidecar resource with outboundTrafficPolicy REGISTRY_ONLY for the gateway, which keeps the public Host. The service takes plaintext: what left the gateway would arrive.',
    sends: 'GET /auth/login through the edge; the same before and after, without that resource.',
    expects:
      '502, answered by the sidecar of the gateway itself (route block_all, no upstream host); auth-identity receives nothing. Without the resource: 200, in plaintext on PassthroughCluster.',
    why: 'With ALLOW_ANY the wrong Host works in plaintext until somebody switches STRICT on. With REGISTRY_ONLY it never worked, and is found on the first day.',
  },
  async collect(stage) {
    const login = throughEdge(stage.names, 'envoy-gateway:8080', '/auth/login', 'auth-identity');
    await stage.between({ under: 'registry-only' }, { login }, () => stage.call('login', login));
  },
  judge: ({ probe, probes }) => [
    probes(
      'login-',
      answered(200),
      passedThrough('envoy-gateway'),
      plaintextAt('auth-identity'),
      receivedBy('auth-identity'),
    ),
    probe('login', answered(502), blockedOutbound('envoy-gateway'), notReceivedBy('auth-identity')),
  ],
  twins: [
    {
      name: 'allow-any',
      sabotage: 'The Sidecar resource says ALLOW_ANY: the same request leaves in plaintext.',
      breaks: 'blocked-outbound',
      on: 'login',
      only: true,
    },
  ],
});
