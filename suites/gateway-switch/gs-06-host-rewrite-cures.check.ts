// Proves that naming the Service in the Host is what cures the outage, with DNS capture off as well as on.
import { check } from '#verdict/check.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { matchedCluster, mutualTlsFrom } from '#verdict/expectations/proxy-log.ts';
import { clusterOf, spiffe, throughEdge, type Service } from './semaphore.ts';

export default check({
  id: 'GS-06',
  title: 'Hypothesis B: Host rewrite cures the mismatch',
  level: 'core',
  system: 'gateway-switch',
  tags: ['mtls', 'headline'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', 'envoy-gateway', 'envoy-gateway-dns', 'auth-identity', 'academics'],
  story: {
    setUp:
      'STRICT for the namespace, plaintext only on the public ports of the gateways. The routes of the gateway rewrite the Host to the FQDN of the Service. A second gateway does the same with DNS capture switched on.',
    sends: 'GET /auth/login and GET /academics/list through the edge, by each of the two gateways.',
    expects:
      'Status 200; the gateway sidecar logs outbound|8081||auth-identity and outbound|8082||academics without any flag; the services take the call over mutual TLS from the SPIFFE ID of the gateway.',
    why: 'The Host decides the cluster, and the cluster decides mTLS. DNS capture changes neither.',
  },
  params: { door: 'envoy-gateway:8090' },
  async collect(stage, { door }) {
    const { names } = stage;
    await stage.apply('target');
    await Promise.all([
      stage.call('login', throughEdge(names, door, '/auth/login', 'auth-identity')),
      stage.call('academics', throughEdge(names, door, '/academics/list', 'academics')),
      stage.call(
        'login-with-dns-capture',
        throughEdge(names, 'envoy-gateway-dns:8090', '/auth/login', 'auth-identity'),
      ),
    ]);
  },
  judge: ({ names, probe }) => {
    const cured = (gateway: string, service: Service) => [
      answered(200),
      matchedCluster(gateway, clusterOf(names, service)),
      mutualTlsFrom(service, spiffe(names, gateway)),
      receivedBy(service),
    ];
    return [
      probe('login', ...cured('envoy-gateway', 'auth-identity')),
      probe('academics', ...cured('envoy-gateway', 'academics')),
      probe('login-with-dns-capture', ...cured('envoy-gateway-dns', 'auth-identity')),
    ];
  },
  twins: [
    {
      name: 'one-route-reverted',
      sabotage: 'One route of the gateway passes the public Host on again; the others still rewrite it.',
      breaks: 'matched-cluster',
      on: 'login',
      only: true,
      params: { door: 'envoy-gateway:8091' },
    },
  ],
});
