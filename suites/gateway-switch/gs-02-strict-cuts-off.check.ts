// Proves that STRICT alone cuts off what the gateway sends, because its sidecar does not know where the call goes.
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { matchedCluster, passedThrough, refusedInbound } from '#verdict/expectations/proxy-log.ts';
import { clusterOf, direct, throughEdge } from './semaphore.ts';

export default check({
  id: 'GS-02',
  title: 'The outage reproduced under STRICT',
  level: 'core',
  system: 'gateway-switch',
  tags: ['mtls', 'outage', 'headline'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', 'envoy-gateway', 'auth-identity'],
  story: {
    setUp:
      'A plain Envoy with a sidecar takes the place of the ingress gateway and keeps the public Host. PERMISSIVE first; then STRICT for the four services, nothing else.',
    sends:
      'GET /auth/login and GET /users/me through the edge with Host semaphore.deway.fr; the same path straight from the gateway pod to the FQDN of auth-identity.',
    expects:
      'Proxied calls end in 503 with "reset reason: connection termination", the gateway sidecar logs UC on PassthroughCluster, auth-identity refuses the connection; the direct call succeeds over mTLS.',
    why: 'The Host picks the outbound cluster. A Host outside the registry falls to PassthroughCluster, which sends plaintext, and STRICT refuses plaintext: every pod healthy, every request lost.',
  },
  params: { door: 'envoy-gateway:8080', login: '/auth/login', users: '/users/me' },
  async collect(stage, { door, login, users }) {
    const plan = (path: string) => throughEdge(stage.names, door, path, 'auth-identity');
    const control = throughEdge(stage.names, 'envoy-gateway:8080', '/auth/login', 'auth-identity');
    await stage.apply('permissive');
    await stage.between({ under: 'strict', back: 'permissive' }, { login: control }, () =>
      Promise.all([
        stage.call('login', plan(login)),
        stage.call('users', plan(users)),
        stage.call('direct', direct(stage.names, 'envoy-gateway', 'auth-identity', '/auth/login')),
      ]),
    );
  },
  judge: ({ names, probe, probes }) => {
    const outage = [
      answered(503, 'reset reason: connection termination'),
      passedThrough('envoy-gateway', { flag: 'UC' }),
      refusedInbound('auth-identity'),
      notReceivedBy('auth-identity'),
    ];
    return [
      probes('login-', answered(200), passedThrough('envoy-gateway'), receivedBy('auth-identity')),
      probe('login', ...outage),
      probe('users', ...outage),
      probe(
        'direct',
        answered(200),
        matchedCluster('envoy-gateway', clusterOf(names, 'auth-identity')),
        receivedBy('auth-identity'),
      ),
    ];
  },
  twins: [
    {
      name: 'no-endpoints',
      sabotage: 'The 503 comes from a Service without endpoints (UH), not from a refused plaintext call.',
      breaks: 'pass-through',
      on: 'login',
      params: { door: 'envoy-gateway:8092', login: '/no-endpoints', users: '/no-endpoints' },
    },
  ],
});
