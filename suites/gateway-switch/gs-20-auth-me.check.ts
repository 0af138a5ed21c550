// Proves that GET /auth/me tells each user of himself, and nobody without a token that the issuer signed and that still holds.
import { check } from '#verdict/check.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { matchedCluster, mutualTlsFrom } from '#verdict/expectations/proxy-log.ts';
import type { CallPlan, Stage } from '#verdict/stage.ts';
import { gatewayRoutes, routes } from './gateway-routes.ts';
import { spiffe, throughEdge } from './semaphore.ts';

const path = '/auth/me';
/** What is wrong with a token, and the reason that the handler must give. */
const bad = {
  none: 'no-token',
  expired: 'expired',
  tampered: 'bad-signature',
  unsigned: 'unsigned',
} as const;

export default check({
  id: 'GS-20',
  title: '`GET /auth/me` end to end',
  level: 'extended',
  system: 'gateway-switch',
  tags: ['routes', 'jwt'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', 'envoy-gateway', 'accounts', 'jwt-issuer'],
  story: {
    setUp:
      'The target state. The gateway leads /auth/me to the handler, which verifies tokens against the published keys of the issuer.',
    sends:
      'GET /auth/me through the edge with a valid token of alice, with one of bob, without a token, and with an expired, a tampered and an unsigned one of alice. The valid call also before and after.',
    expects:
      'The summary of the user whose token it is; 401 with the reason for each token that is no good, from the handler itself: every call reaches it, matched and over mutual TLS. The route is in the configuration of the gateway.',
    why: 'mTLS tells which workload calls, not which user. A handler that reads a token without verifying it lets anybody be anybody.',
  },
  params: { door: 'envoy-gateway:8090' },
  async collect(stage, { door }) {
    const { names } = stage;
    const [alice, bob, expired, unsigned] = await Promise.all([
      tokenOf(stage, { sub: 'alice', claims: { name: 'Alice' } }),
      tokenOf(stage, { sub: 'bob', claims: { name: 'Bob' } }),
      tokenOf(stage, { sub: 'alice', expiresInSeconds: -60 }),
      tokenOf(stage, { sub: 'alice', algorithm: 'none' }),
    ]);
    const me = (token?: string): CallPlan => {
      const { headers, ...plan } = throughEdge(names, door, path, 'accounts');
      return { ...plan, headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) } };
    };
    await stage.apply('target');
    const maps = await stage.objects('v1', 'ConfigMap', names['namespace'] ?? '');
    stage.record('routes', gatewayRoutes(maps, Number(door.split(':')[1])));
    await stage.call('valid-before', { ...me(alice), role: 'control' });
    await Promise.all([
      stage.call('alice', me(alice)),
      stage.call('bob', me(bob)),
      stage.call('none', me()),
      stage.call('expired', me(expired)),
      stage.call('tampered', me(inTheNameOf('bob', alice))),
      stage.call('unsigned', me(unsigned)),
    ]);
    await stage.call('valid-after', { ...me(alice), role: 'control' });
  },
  judge: ({ names, probe, probes, fact }) => {
    const arrived = [
      matchedCluster('envoy-gateway', `outbound|8087||accounts.${names['namespace']}.svc.cluster.local`),
      mutualTlsFrom('accounts', spiffe(names, 'envoy-gateway')),
      receivedBy('accounts'),
    ];
    return [
      fact('routes', routePresent),
      probes('valid-', answered(200), receivedBy('accounts')),
      probe('alice', answered(200, '"sub":"alice"'), ...arrived),
      probe('bob', answered(200, '"sub":"bob"'), ...arrived),
      ...Object.entries(bad).map(([name, reason]) => probe(name, answered(401, `"reason":"${reason}"`), ...arrived)),
    ];
  },
  twins: [
    {
      name: 'trusting-handler',
      sabotage: 'The handler reads the token and trusts it, without verifying the signature.',
      breaks: 'status-401',
      on: 'unsigned',
      params: { door: 'envoy-gateway:8093' },
    },
  ],
});

const routePresent = factIs({
  expectation: 'route-present',
  kind: 'object',
  from: 'ConfigMap envoy-gateway-config',
  expected: `a route for ${path}`,
  shape: routes,
  met: (found) => found.some(({ match }) => match === path),
  seen: (found) => found.map(({ match }) => match).join(', '),
});

async function tokenOf(stage: Stage, wanted: Record<string, unknown>): Promise<string> {
  return (await stage.ask<{ token: string }>('jwt-issuer', '/token', wanted)).token;
}

/** Another user in the payload, before the same signature. */
function inTheNameOf(user: string, token: string): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  const changed = Buffer.from(JSON.stringify({ ...claims, sub: user })).toString('base64url');
  return [header, changed, signature].join('.');
}
