// Proves that the stop-gap works, and that what it carries is plaintext without any caller identity.
import { check } from '#verdict/check.ts';
import { callerSeenBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { passedThrough, plaintextAt } from '#verdict/expectations/proxy-log.ts';
import { throughEdge } from './semaphore.ts';

export default check({
  id: 'GS-01',
  title: 'Stop-gap state under PERMISSIVE',
  level: 'core',
  system: 'gateway-switch',
  tags: ['mtls', 'plaintext'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', 'envoy-gateway', 'auth-identity'],
  story: {
    setUp:
      'PERMISSIVE for the gateway and the four services, a policy that admits everyone, and a gateway that keeps the public Host.',
    sends: 'GET /auth/login and GET /users/me through the edge with Host semaphore.deway.fr.',
    expects:
      'The application answers. The gateway sidecar logs PassthroughCluster, auth-identity takes the call without TLS, and the application sees no x-forwarded-client-cert.',
    why: 'A green page is no proof of mTLS. This state works but is unencrypted, and a report must say so in these words.',
  },
  label: 'works but unencrypted',
  params: { door: 'envoy-gateway:8080' },
  async collect(stage, { door }) {
    await stage.apply('permissive');
    await Promise.all([
      stage.call('login', throughEdge(stage.names, door, '/auth/login', 'auth-identity')),
      stage.call('users', throughEdge(stage.names, door, '/users/me', 'auth-identity')),
    ]);
  },
  judge: ({ probe }) => {
    const unencrypted = [
      answered(200),
      passedThrough('envoy-gateway'),
      plaintextAt('auth-identity'),
      callerSeenBy('auth-identity', null),
      receivedBy('auth-identity'),
    ];
    return [probe('login', ...unencrypted), probe('users', ...unencrypted)];
  },
  twins: [
    {
      name: 'encrypted',
      sabotage: 'The gateway rewrites the Host, so the call is matched and travels over mTLS.',
      breaks: 'plaintext',
      params: { door: 'envoy-gateway:8090' },
    },
  ],
});
