// Proves that the service sees the refusal while the gateway's health flag sees nothing.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { counterGrew } from '#verdict/expectations/counter.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { passedThrough, refusedInbound } from '#verdict/expectations/proxy-log.ts';
import { throughEdge } from './semaphore.ts';

const envoyAdmin = 9901;
const attempts = 3;
const health = z.object({ healthy: z.boolean(), errorsBefore: z.number(), errorsAfter: z.number() });

export default check({
  id: 'GS-03',
  title: 'Refusal seen from the service, health seen from the gateway',
  level: 'core',
  system: 'gateway-switch',
  tags: ['mtls', 'outage', 'observability'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', 'envoy-gateway', 'auth-identity'],
  story: {
    setUp: 'The outage of GS-02: the gateway keeps the public Host, the four services are STRICT.',
    sends: `${attempts} requests for /auth/login, one after another, with the inbound counters of auth-identity and /clusters of the gateway's own Envoy read around them.`,
    expects:
      'Each attempt gives one NR with filter_chain_not_found from the gateway pod, and moves no_filter_chain_match by one. /clusters calls the endpoint healthy while its rq_error climbs.',
    why: 'During the outage every health flag is green. A probe that trusts the flag alone stays green through ten hours of 503.',
  },
  params: { door: 'envoy-gateway:8080' },
  async collect(stage, { door }) {
    const plan = throughEdge(stage.names, door, '/auth/login', 'auth-identity');
    const control = throughEdge(stage.names, 'envoy-gateway:8080', '/auth/login', 'auth-identity');
    const counters = { 'auth-identity': ['no_filter_chain_match'] };
    await stage.apply('permissive');
    await stage.between({ under: 'strict', back: 'permissive' }, { login: control }, async () => {
      const before = endpoint(await stage.adminPage('envoy-gateway', '/clusters', envoyAdmin));
      for (let attempt = 1; attempt <= attempts; attempt += 1)
        await stage.call(`attempt-${attempt}`, { ...plan, counters });
      const after = endpoint(await stage.adminPage('envoy-gateway', '/clusters', envoyAdmin));
      stage.record('health', { healthy: after.healthy, errorsBefore: before.errors, errorsAfter: after.errors });
    });
  },
  judge: ({ probes, fact }) => [
    probes('login-', answered(200), passedThrough('envoy-gateway'), receivedBy('auth-identity')),
    probes(
      'attempt-',
      answered(503, 'reset reason: connection termination'),
      refusedInbound('auth-identity', 'envoy-gateway'),
      counterGrew('auth-identity', 'no_filter_chain_match', 1, { as: 'no-filter-chain-grew' }),
      notReceivedBy('auth-identity'),
    ),
    fact('health', healthFlag),
    fact('health', errorsClimb),
  ],
  twins: [
    {
      name: 'target-state',
      sabotage: 'The gateway rewrites the Host: nothing is refused, so the counters stay where they are.',
      breaks: 'no-filter-chain-grew',
      params: { door: 'envoy-gateway:8090' },
    },
  ],
});

const healthFlag = factIs({
  expectation: 'health-flag-stays-green',
  kind: 'counter',
  from: '/clusters of envoy-gateway',
  expected: 'health_flags::healthy, in the middle of the outage',
  shape: health,
  met: ({ healthy }) => healthy,
  seen: ({ healthy }) => (healthy ? 'health_flags::healthy' : 'not healthy'),
});

const errorsClimb = factIs({
  expectation: 'errors-climb',
  kind: 'counter',
  from: '/clusters of envoy-gateway',
  expected: `rq_error +${attempts}`,
  shape: health,
  met: ({ errorsBefore, errorsAfter }) => errorsAfter - errorsBefore === attempts,
  seen: ({ errorsBefore, errorsAfter }) => `rq_error +${errorsAfter - errorsBefore}`,
});

/** What Envoy's /clusters page says of the endpoint of auth-identity: `auth-identity::10.0.0.1:8081::rq_error::3`. */
function endpoint(page: string): { healthy: boolean; errors: number } {
  const own = page.split('\n').filter((line) => line.startsWith('auth-identity::'));
  const value = (key: string) =>
    own
      .find((line) => line.includes(`::${key}::`))
      ?.split('::')
      .at(-1) ?? '';
  return { healthy: value('health_flags') === 'healthy', errors: Number(value('rq_error')) };
}
