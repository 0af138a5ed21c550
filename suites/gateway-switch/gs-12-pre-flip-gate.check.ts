// Proves that the gate names everybody who still speaks plaintext, blocks the flip for one of them, and opens for nobody.
import { check } from '#verdict/check.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { matchedCluster, mutualTls, passedThrough, plaintextAt } from '#verdict/expectations/proxy-log.ts';
import type { CallPlan, Stage } from '#verdict/stage.ts';
import { blockingPairs, decidePreflight, pairText, preflightFacts, type PreflightFacts } from '#gate/preflight.ts';
import type { Evidence } from '#support/evidence.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';
import { clusterOf, direct, services, throughEdge, type Service } from './semaphore.ts';

const paths: Record<Service, string> = {
  'auth-identity': '/auth/login',
  academics: '/academics/list',
  attendance: '/attendance/today',
  beacon: '/ping',
};
const all = Object.keys(services) as Service[];

export default check({
  id: 'GS-12',
  title: 'Pre-flip gate: nobody still talks plaintext',
  level: 'core',
  system: 'gateway-switch',
  tags: ['mtls', 'plaintext', 'gate'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', 'envoy-gateway', 'stranger', ...all],
  story: {
    setUp:
      'The PERMISSIVE stage: everything takes plaintext, and the public ports of the gateway keep an exception for the time after. The gate is that of `preflight strict`.',
    sends:
      'First the traffic of the stop-gap: the gateway keeps the Host for auth-identity and academics, the edge calls beacon itself. Then the cured traffic: the gateway rewrites the Host for all four services. If the gate opens: the flip to STRICT, and the cured traffic again.',
    expects:
      'The gate names each source, destination and port that spoke plaintext and says NO-GO; on the cured traffic it names nobody and says GO; after the flip all of it still arrives, over mutual TLS.',
    why: 'After the flip it is too late to ask. Envoy has no metric for it, but each service sidecar logs whether a call came over TLS.',
  },
  params: { straggler: '' },
  async collect(stage, { straggler }) {
    const { names } = stage;
    const plan = (port: number, to: Service) => throughEdge(names, `envoy-gateway:${port}`, paths[to], to);
    const cured = Object.fromEntries(all.map((each) => [each, plan(8090, each)]));
    await stage.apply('permissive');
    await gate(stage, 'stop-gap', {
      'auth-identity': plan(8080, 'auth-identity'),
      academics: plan(8080, 'academics'),
      beacon: direct(names, 'edge', 'beacon', '/ping'),
    });
    const late = straggler === '' ? {} : { straggler: direct(names, straggler, 'beacon', '/metrics') };
    const facts = await gate(stage, 'cured', { ...cured, ...late });
    if (decidePreflight(facts, { idleOk: true }).verdict !== 'GO') return;
    await stage.apply('strict');
    await callAll(stage, 'flipped', cured);
  },
  judge: ({ names, probe, fact }) => {
    const plain = (service: Service) => [
      answered(200),
      passedThrough('envoy-gateway'),
      plaintextAt(service),
      receivedBy(service),
    ];
    const home = names['namespace'];
    return [
      probe('stop-gap-auth-identity', ...plain('auth-identity')),
      probe('stop-gap-academics', ...plain('academics')),
      probe('stop-gap-beacon', answered(200), plaintextAt('beacon'), receivedBy('beacon')),
      fact(
        'stop-gap',
        named([
          `${names['outside']}/edge beacon 8084`,
          `${home}/envoy-gateway academics 8082`,
          `${home}/envoy-gateway auth-identity 8081`,
        ]),
      ),
      fact('stop-gap', blocked),
      fact('cured', open),
      fact('cured', everyProxyTold),
      ['cured', 'flipped'].flatMap((when) =>
        all.flatMap((each) =>
          probe(
            `${when}-${each}`,
            answered(200),
            matchedCluster('envoy-gateway', clusterOf(names, each)),
            mutualTls(each),
            receivedBy(each),
          ),
        ),
      ),
    ];
  },
  twins: [
    {
      name: 'one-straggler',
      sabotage: 'One caller without a sidecar speaks plaintext to one service, once, among the cured traffic.',
      breaks: 'gate-opens',
      params: { straggler: 'edge' },
    },
  ],
});

/** Sends the traffic of one stage, and asks the gate about just that window, once every call is in the logs. */
async function gate(stage: Stage, name: string, traffic: Record<string, CallPlan>): Promise<PreflightFacts> {
  // The catalogue reads every check: what works on clusters is read when it is needed.
  const { readPreflight } = await import('#gate/read-preflight.ts');
  const { names, signal, scene } = stage;
  const since = new Date();
  await callAll(stage, name, traffic);
  const namespace = names['namespace'] ?? '';
  // Each call comes in at the service; those through the edge, at the gateway as well.
  const expected = Object.values(traffic).reduce((sum, { headers }) => sum + (headers ? 2 : 1), 0);
  const look = async () => {
    const facts = await readPreflight(scene.cluster, { namespace, since, signal });
    const seen = facts.proxies.reduce((sum, { calls }) => sum + calls, 0);
    return seen >= expected ? { done: facts } : { seen: `${seen} of ${expected} calls` };
  };
  const options = { timeoutMs: timeouts.accessLogMs, signal };
  const facts = await until(`the calls of ${name} to be in the logs`, look, options);
  stage.record(name, JSON.parse(JSON.stringify(facts)) as Evidence['facts'][string]);
  return facts;
}

const callAll = (stage: Stage, name: string, traffic: Record<string, CallPlan>) =>
  Promise.all(Object.entries(traffic).map(([key, plan]) => stage.call(`${name}-${key}`, plan)));

const gateSays = { kind: 'process', from: 'preflight strict', shape: preflightFacts } as const;

const named = (pairs: string[]) =>
  factIs({
    ...gateSays,
    expectation: 'pairs-named',
    expected: pairs.join('; '),
    met: (facts) => pairsOf(facts).join() === pairs.toSorted().join(),
    seen: (facts) => pairsOf(facts).join('; ') || 'nobody',
  });

const pairsOf = (facts: PreflightFacts): string[] =>
  blockingPairs(facts)
    .map(({ source, destination, port }) => `${source} ${destination} ${port}`)
    .toSorted();

const blocked = factIs({
  ...gateSays,
  expectation: 'gate-blocks',
  expected: 'NO-GO while anybody speaks plaintext',
  met: (facts) => decidePreflight(facts, { idleOk: true }).verdict === 'NO-GO',
  seen: verdictText,
});

const open = factIs({
  ...gateSays,
  expectation: 'gate-opens',
  expected: 'GO when nobody speaks plaintext',
  met: (facts) => decidePreflight(facts, { idleOk: true }).verdict === 'GO',
  seen: verdictText,
});

function verdictText(facts: PreflightFacts): string {
  const { verdict, reasons } = decidePreflight(facts, { idleOk: true });
  const excepted = facts.plaintext.filter(({ exception }) => exception !== undefined).map(pairText);
  return [verdict, ...reasons, ...excepted.map((each) => `${each}, by an exception`)].join('; ');
}

/** Nobody seen is no proof where nobody looked: each service's own log must have told how its calls came. */
const everyProxyTold = factIs({
  ...gateSays,
  expectation: 'every-proxy-told',
  expected: 'the log of each service tells how its calls came in',
  met: ({ proxies }) =>
    all.every((each) => proxies.some(({ workload, state }) => workload === each && state === 'told')),
  seen: ({ proxies }) =>
    proxies.map(({ workload, state, calls }) => `${workload}: ${state}, ${calls} calls`).join('; '),
});
