// Proves that every service sees the gateway's own identity in the target state, over mutual TLS.
import { check } from '#verdict/check.ts';
import { callerSeenBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { matchedCluster, mutualTlsFrom } from '#verdict/expectations/proxy-log.ts';
import { clusterOf, services, spiffe, throughEdge, type Service } from './semaphore.ts';

const paths: Record<Service, string> = {
  'auth-identity': '/auth/login',
  academics: '/academics/list',
  attendance: '/attendance/today',
  beacon: '/ping',
};
const all = Object.keys(services) as Service[];

export default check({
  id: 'GS-09',
  title: 'Identity proof in the target state',
  level: 'core',
  system: 'gateway-switch',
  tags: ['mtls', 'identity'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', 'envoy-gateway', 'envoy-gateway-bare', ...all],
  story: {
    setUp:
      'The target state: the gateway rewrites the Host, STRICT for the namespace, no PERMISSIVE but on the public ports of the gateway.',
    sends: 'One request to each of the four services, through the edge.',
    expects:
      'Status 200 on a matched cluster without any flag; each service takes the call over mutual TLS, and its application sees URI=spiffe://cluster.local/ns/semaphore/sa/envoy-gateway.',
    why: 'An authorization policy can only name a caller that has a name. Under another ServiceAccount the same gateway is another caller.',
  },
  params: { door: 'envoy-gateway:8090' },
  async collect(stage, { door }) {
    await stage.apply('target');
    await Promise.all(all.map((each) => stage.call(each, throughEdge(stage.names, door, paths[each], each))));
  },
  judge: ({ names, probe }) => {
    const gateway = spiffe(names, 'envoy-gateway');
    return all.map((service) =>
      probe(
        service,
        answered(200),
        matchedCluster('envoy-gateway', clusterOf(names, service)),
        mutualTlsFrom(service, gateway),
        callerSeenBy(service, gateway),
        receivedBy(service),
      ),
    );
  },
  twins: [
    {
      name: 'default-account',
      sabotage: 'The gateway runs under the default ServiceAccount: the principal is another one.',
      breaks: 'caller-identity',
      on: 'academics',
      params: { door: 'envoy-gateway-bare:8090' },
    },
    {
      name: 'default-account-denied',
      sabotage: 'The same, under the narrow policy of GS-14, which admits the ServiceAccount of the gateway only.',
      breaks: 'status-200',
      on: 'auth-identity',
      params: { door: 'envoy-gateway-bare:8090' },
    },
  ],
});
