// Proves what the hop from the public door needs: an exception for one port, or a door that is in the mesh itself.
import type { Expectation } from '#verdict/expectation.ts';
import { check } from '#verdict/check.ts';
import { answer } from '#verdict/expectation.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered, outcomeText, resetWithoutStatus } from '#verdict/expectations/client.ts';
import { counterGrew } from '#verdict/expectations/counter.ts';
import { matchedCluster, mutualTlsFrom, plaintextAt, refusedInbound } from '#verdict/expectations/proxy-log.ts';
import type { CallPlan } from '#verdict/stage.ts';
import { clusterOf, publicHost, spiffe, throughEdge } from './semaphore.ts';

const gateway = 'envoy-gateway';
/** Connections that no filter chain of the inbound listener took. */
const refusals = '_15006.no_filter_chain_match';
/** Other ports of the gateway, that no exception covers: its admin port, and its listener that keeps the Host. */
const closed = { admin: ['envoy-gateway-admin', ':9901/ready'], 'other-listener': [gateway, ':8080/auth/login'] };

export default check({
  id: 'GS-13',
  title: 'The public hop from Traefik',
  level: 'core',
  system: 'gateway-switch',
  tags: ['mtls', 'public-hop'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', 'edge-meshed', gateway, 'auth-identity'],
  story: {
    setUp:
      'STRICT for the namespace, the gateway too (a). Then PERMISSIVE on its public port alone (b). Beside that, an edge with a sidecar, whose routes name the Service of the gateway (c).',
    sends:
      'GET /auth/login through the edge under (a) and (b), through the edge in the mesh under (a); under (b), plaintext to two other ports of the gateway. The calls from outside also before and after, without STRICT.',
    expects:
      '(a) The connection of the edge is refused (no_filter_chain_match grows), so the client sees a 5xx. (b) 200, in plaintext on that port only: both other ports refuse it with filter_chain_not_found. (c) 200, over mutual TLS from the edge.',
    why: 'Taking every PERMISSIVE away, as the target state was first written down, takes the site down. And an injected edge that keeps the public Host speaks plaintext as before.',
  },
  params: { edge: 'edge', meshed: '8000' },
  async collect(stage, { edge, meshed }) {
    const { names } = stage;
    const login = throughEdge(names, `${gateway}:8090`, '/auth/login', 'auth-identity', edge);
    const plaintext = Object.fromEntries(
      Object.entries(closed).map(([name, [service, rest]]): [string, CallPlan] => [
        name,
        { from: 'edge', to: gateway, url: `http://${service}.${names['namespace']}.svc.cluster.local${rest}` },
      ]),
    );
    await stage.between({ under: 'strict' }, { public: login, ...plaintext }, async () => {
      await stage.call('strict', { ...login, counters: { [gateway]: [refusals] } });
      await stage.call('meshed-edge', {
        from: 'edge',
        to: 'auth-identity',
        url: `http://edge-meshed.${names['strangers']}.svc.cluster.local:${meshed}/auth/login`,
        headers: { host: publicHost },
      });
      await stage.apply('exception');
      await Promise.all([
        stage.call('exception', login),
        ...Object.entries(plaintext).map(([name, plan]) => stage.call(name, plan)),
      ]);
      await stage.remove('exception');
    });
  },
  judge: ({ names, probe, probes }) => {
    const inTheMesh = [
      matchedCluster(gateway, clusterOf(names, 'auth-identity')),
      mutualTlsFrom('auth-identity', spiffe(names, gateway)),
      receivedBy('auth-identity'),
    ];
    const edgeInTheMesh = `spiffe://cluster.local/ns/${names['strangers']}/sa/edge-meshed`;
    return [
      probes('public-', answered(200), plaintextAt(gateway), ...inTheMesh),
      probe('strict', serverError, counterGrew(gateway, refusals, { atLeast: 1 }), notReceivedBy('auth-identity')),
      probe('exception', answered(200), plaintextAt(gateway), ...inTheMesh),
      probe(
        'meshed-edge',
        answered(200),
        matchedCluster('edge-meshed', `outbound|8090||${gateway}.${names['namespace']}.svc.cluster.local`),
        mutualTlsFrom(gateway, edgeInTheMesh),
        ...inTheMesh,
      ),
      Object.keys(closed).flatMap((each) => [
        ...probes(`${each}-`, answered(200), plaintextAt(gateway)),
        ...probe(each, resetWithoutStatus, refusedInbound(gateway)),
      ]),
    ];
  },
  twins: [
    {
      name: 'no-exception',
      sabotage: 'Every PERMISSIVE is taken away, and the edge stays outside the mesh: the site is down.',
      breaks: 'status-200',
      on: 'exception',
      only: true,
    },
    {
      name: 'exception-too-wide',
      sabotage: 'The whole gateway is PERMISSIVE: plaintext reaches its admin port as well.',
      breaks: 'reset-without-status',
      on: 'admin',
    },
    {
      name: 'host-kept',
      sabotage: 'The edge in the mesh keeps the public Host: its sidecar does not know where the call goes.',
      breaks: 'matched-cluster',
      on: 'meshed-edge',
      only: true,
      params: { meshed: '8001' },
    },
  ],
});

/** Which 5xx it is, is for the edge to say: Envoy 503, Traefik 502. */
const serverError: Expectation = ({ client, from }) => [
  answer(
    { expectation: 'status-5xx', kind: 'client', from, expected: 'a 5xx' },
    client.status !== undefined && client.status >= 500,
    outcomeText(client),
  ),
];
