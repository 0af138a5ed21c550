// Proves that the narrow policy admits the gateway and nobody else, and that a policy without sources admits everyone.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { counterGrew } from '#verdict/expectations/counter.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { deniedByPolicy, matchedCluster, mutualTlsFrom } from '#verdict/expectations/proxy-log.ts';
import { clusterOf, direct, spiffe, throughEdge } from './semaphore.ts';

const strangers = ['stranger', 'foreigner'] as const;

export default check({
  id: 'GS-14',
  title: 'Narrow authorization replaces allow-all',
  level: 'core',
  system: 'gateway-switch',
  tags: ['authorization', 'identity'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', 'envoy-gateway', 'auth-identity', ...strangers],
  story: {
    setUp: 'The target state, and allow-semaphore-namespace rewritten with the principal of the gateway as its source.',
    sends:
      'GET /auth/login to auth-identity: through the gateway, from another ServiceAccount of the namespace, and from another namespace. The two strangers call before and after as well, without the policy.',
    expects:
      '200 through the gateway. The strangers get 403 "RBAC: access denied", the sidecar of auth-identity logs rbac_access_denied_matched_policy[none] and counts the denial, and the application receives nothing.',
    why: 'A policy without a source clause allows every caller of the mesh, whatever its name says.',
  },
  async collect(stage) {
    const { names } = stage;
    const calls = Object.fromEntries(
      strangers.map((each) => [each, direct(names, each, 'auth-identity', '/auth/login')]),
    );
    await stage.between({ under: 'target' }, calls, async () => {
      await stage.call('gateway', throughEdge(names, 'envoy-gateway:8090', '/auth/login', 'auth-identity'));
      for (const [name, plan] of Object.entries(calls))
        await stage.call(name, { ...plan, counters: { 'auth-identity': ['rbac.denied'] } });
      const policies = await stage.objects(
        'security.istio.io/v1beta1',
        'AuthorizationPolicy',
        names['namespace'] ?? '',
      );
      stage.record('rules', policies.flatMap(rulesOf));
    });
  },
  judge: ({ names, probe, fact }) => {
    const cluster = clusterOf(names, 'auth-identity');
    const principal = {
      stranger: spiffe(names, 'stranger'),
      foreigner: `spiffe://cluster.local/ns/${names['strangers']}/sa/foreigner`,
    };
    return [
      probe(
        'gateway',
        answered(200),
        matchedCluster('envoy-gateway', cluster),
        mutualTlsFrom('auth-identity', spiffe(names, 'envoy-gateway')),
        receivedBy('auth-identity'),
      ),
      strangers.flatMap((each) => [
        ...probe(`${each}-before`, answered(200), receivedBy('auth-identity')),
        ...probe(
          each,
          answered(403, 'RBAC: access denied'),
          matchedCluster(each, cluster),
          mutualTlsFrom('auth-identity', principal[each]),
          deniedByPolicy('auth-identity'),
          counterGrew('auth-identity', 'rbac.denied', 1, { as: 'denial-counted' }),
          notReceivedBy('auth-identity'),
        ),
        ...probe(`${each}-after`, answered(200), receivedBy('auth-identity')),
      ]),
      fact('rules', everyRuleNamesItsCallers),
    ];
  },
  twins: [
    {
      name: 'no-sources',
      sabotage: 'The policy keeps its name and has no source clause: it allows every caller.',
      breaks: 'denied-by-policy',
      on: 'stranger',
    },
  ],
});

const rules = z.array(z.object({ policy: z.string(), callers: z.string() }));

const everyRuleNamesItsCallers = factIs({
  expectation: 'rules-name-callers',
  kind: 'object',
  from: 'API server',
  expected: 'no rule that allows every caller',
  shape: rules,
  met: (found) => found.length > 0 && found.every(({ callers }) => callers !== 'every caller'),
  seen: (found) => found.map(({ policy, callers }) => `${policy} allows ${callers}`).join('; '),
});

/** Whom each rule admits: named principals, anybody on named ports, or every caller. */
function rulesOf(policy: object): z.infer<typeof rules> {
  const { metadata, spec } = policy as AuthorizationPolicy;
  return (spec?.rules ?? []).map(({ from, to }) => {
    const principals = (from ?? []).flatMap(({ source }) => source?.principals ?? []);
    const ports = (to ?? []).flatMap(({ operation }) => operation?.ports ?? []);
    const onPorts = ports.length > 0 ? `anybody on port ${ports.join(', ')}` : 'every caller';
    return { policy: metadata.name, callers: principals.length > 0 ? principals.join(', ') : onPorts };
  });
}

interface AuthorizationPolicy {
  metadata: { name: string };
  spec?: {
    rules?: {
      from?: { source?: { principals?: string[] } }[];
      to?: { operation?: { ports?: string[] } }[];
    }[];
  };
}
