// Proves for every route that the gateway has, as its own configuration lists them, that it leads to a matched cluster.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { matchedCluster, mutualTlsFrom } from '#verdict/expectations/proxy-log.ts';
import { gatewayRoutes, routes, type Route } from './gateway-routes.ts';
import { spiffe, throughEdge } from './semaphore.ts';

/** What the routes lead to. */
const behind = ['auth-identity', 'accounts', 'academics', 'attendance', 'beacon'];

export default check({
  id: 'GS-10',
  title: 'Route by service sweep',
  level: 'core',
  system: 'gateway-switch',
  tags: ['mtls', 'routes'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', 'envoy-gateway', ...behind],
  story: {
    setUp:
      'The target state. The routes are read out of envoy.yaml, in the ConfigMap envoy-gateway-config as the API server holds it.',
    sends: 'One request for each route, through the edge.',
    expects:
      'Each route: 200 (401 where the handler wants a token) on the matched cluster of its Service, over mutual TLS from the SPIFFE ID of the gateway. No line of any of them names PassthroughCluster.',
    why: 'One forgotten route is an outage for the users of that path alone, and no test of another path shows it.',
  },
  params: { listener: '8090' },
  async collect(stage, { listener }) {
    const { names } = stage;
    const maps = await stage.objects('v1', 'ConfigMap', names['namespace'] ?? '');
    const found = gatewayRoutes(maps, Number(listener));
    stage.record('routes', found);
    await stage.apply('target');
    await Promise.all(
      found.map(({ match, path, service }) =>
        stage.call(match, throughEdge(names, `envoy-gateway:${listener}`, path, service)),
      ),
    );
  },
  judge: ({ names, evidence, probe, fact }) => {
    const found = routes.safeParse(evidence.facts['routes']).data ?? [];
    return [fact('routes', everyService), ...found.map((each) => probe(each.match, ...leadsTo(names, each)))];
  },
  twins: [
    {
      name: 'route-without-rewrite',
      sabotage: 'One more route, for /reports/, passes the public Host on; the others rewrite it.',
      breaks: 'matched-cluster',
      on: '/reports/',
      only: true,
      params: { listener: '8093' },
    },
  ],
});

const leadsTo = (names: Record<string, string>, { service, cluster }: Route) => [
  // /auth/me was reached, too, when its handler asks for a token.
  answered(service === 'accounts' ? 401 : 200),
  matchedCluster('envoy-gateway', cluster),
  mutualTlsFrom(service, spiffe(names, 'envoy-gateway')),
  receivedBy(service),
];

/** A sweep over half a configuration would prove half as much. */
const everyService = factIs({
  expectation: 'routes-of-every-service',
  kind: 'object',
  from: 'ConfigMap envoy-gateway-config',
  expected: `routes to ${behind.join(', ')}`,
  shape: routes.check(z.minLength(1)),
  met: (found) => behind.every((name) => found.some(({ service }) => service === name)),
  seen: (found) => found.map(({ match, service }) => `${match} to ${service}`).join(', '),
});
