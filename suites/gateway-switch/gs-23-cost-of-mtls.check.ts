// Proves that mutual TLS and a narrow policy cost the gateway no more than their budget, measured side by side with plaintext.
import { resolve } from 'node:path';
import { paths } from '#support/paths.ts';
import { readYaml } from '#support/yaml.ts';
import { check, type Seen } from '#verdict/check.ts';
import { missing } from '#verdict/expectation.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { ledgerComplete, rateReached, zeroFailuresAfter } from '#verdict/expectations/load.ts';
import {
  deniedByPolicy,
  matchedCluster,
  mutualTlsFrom,
  passedThrough,
  plaintextAt,
} from '#verdict/expectations/proxy-log.ts';
import type { Finding } from '#verdict/result.ts';
import type { Stage } from '#verdict/stage.ts';
import type { StreamPlan } from '#verdict/staged-load.ts';
import {
  budgetFile,
  isNoisy,
  quietMeasurement,
  repeatsOf,
  states,
  streamOf,
  weighCost,
  withinBudget,
  type CostBudget,
  type State,
} from './cost.ts';
import { clusterOf, direct, publicHost, spiffe, throughEdge } from './semaphore.ts';

const budgetPath = resolve(paths.suites, 'budgets/gateway-switch.two-cores.yaml');
/** Door of the gateway and service behind it, for each state of the hop between them. */
const hops = {
  plain: { port: 8080, path: '/attendance', service: 'attendance' },
  mtls: { port: 8090, path: '/academics', service: 'academics' },
  narrow: { port: 8090, path: '/beacon', service: 'beacon' },
} as const;
const hopStates = ['plain', 'mtls', 'narrow'] as const;

export default check({
  id: 'GS-23',
  title: 'Cost of mTLS at the gateway',
  level: 'core',
  system: 'gateway-switch',
  tags: ['mtls', 'budget', 'load'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', 'envoy-gateway', 'attendance', 'academics', 'beacon', 'stranger'],
  parts: ['k6-image'],
  alone: true,
  story: {
    setUp:
      'Three states of the hop behind the gateway at once: passed through in plaintext, matched with mutual TLS, matched with mutual TLS and a policy that admits the gateway alone. Connections are kept.',
    sends:
      'The same constant rate to each state from k6 outside the mesh, and to the backend past every proxy as a yardstick; three repeats, each with a warm-up that is left out. A call as a probe for each state.',
    expects:
      'What each state adds to the one before it, in p50, p95 and p99, stays within its budget; every request is answered and received once. Repeats that disagree leave the verdict open: machine too noisy.',
    why: 'An absolute latency says more about the machine than about the mesh. States measured in the same seconds share every disturbance, and their difference is the cost of mutual TLS.',
  },
  params: { path: '/cost', delayMs: '0' },
  async collect(stage, { path, delayMs }) {
    const { 'gs-23': costs } = await readYaml(budgetPath, budgetFile);
    stage.record('budget', costs);
    if (delayMs !== '0') await delayBackends(stage, path, Number(delayMs));
    await stage.between({ under: 'states' }, { stranger: direct(stage.names, 'stranger', 'beacon', '/') }, async () => {
      await stage.call('stranger', direct(stage.names, 'stranger', 'beacon', '/'));
      for (const [state, hop] of Object.entries(hops))
        await stage.call(
          state,
          throughEdge(stage.names, `envoy-gateway:${hop.port}`, `${hop.path}/probe`, hop.service),
        );
      await stage.apply('kept');
      for (let measurement = 0; measurement < costs.measurements; measurement += 1) {
        await using load = await stage.load(plan(stage, costs, measurement, path));
        if (!isNoisy(weighCost(await load.results(), costs, measurement))) break;
      }
    });
  },
  judge: (seen) => {
    const { names, probe, probes } = seen;
    const served = (state: keyof typeof hops) => [answered(200), receivedBy(hops[state].service)];
    const mutual = (state: 'mtls' | 'narrow') => [
      matchedCluster('envoy-gateway', clusterOf(names, hops[state].service)),
      mutualTlsFrom(hops[state].service, spiffe(names, 'envoy-gateway')),
    ];
    return [
      probe('plain', ...served('plain'), passedThrough('envoy-gateway'), plaintextAt('attendance')),
      probe('mtls', ...served('mtls'), ...mutual('mtls')),
      probe('narrow', ...served('narrow'), ...mutual('narrow')),
      probes('stranger-', answered(200), receivedBy('beacon')),
      probe('stranger', answered(403, 'RBAC: access denied'), deniedByPolicy('beacon'), notReceivedBy('beacon')),
      costOf(seen),
    ];
  },
  twins: [
    {
      name: 'slow-backend',
      sabotage: 'The backends answer 20 ms late.',
      breaks: 'latency-budget',
      on: 'plain-over-bare',
      params: { path: '/slow', delayMs: '20' },
    },
  ],
});

/** All states beside each other, each a fraction of a period after the one before: no request waits for another's. */
function plan(stage: Stage, costs: CostBudget, measurement: number, path: string) {
  const { rate, warmUpMs, measuredMs } = costs;
  const windowMs = warmUpMs + measuredMs;
  const streams = repeatsOf(costs, measurement).flatMap((repeat, place) =>
    states.map((state, phase): [string, StreamPlan] => {
      const startMs = place * windowMs + Math.round((phase * 1000) / rate / states.length);
      // Long enough that no answer is given up for the noise of a machine.
      const timing = { rate, startMs, durationMs: windowMs, warmUpMs, timeoutMs: 10_000 };
      return [streamOf(state, repeat), { ...target(stage, state, path), ...timing }];
    }),
  );
  return { durationMs: costs.repeats * windowMs, streams: Object.fromEntries(streams) };
}

function target(stage: Stage, state: State, path: string): Pick<StreamPlan, 'url' | 'headers' | 'ledgers'> {
  // The port that the sidecar leaves alone: the same process, past every proxy.
  if (state === 'bare') return { url: `http://${stage.address('attendance')}:9100/ready` };
  const { port, path: prefix, service } = hops[state];
  const url = `http://envoy-gateway.${stage.names['namespace']}.svc.cluster.local:${port}${prefix}${path}`;
  return { url, headers: { host: publicHost }, ledgers: [service] };
}

async function delayBackends(stage: Stage, path: string, delayMs: number): Promise<void> {
  const slow = Object.values(hops).map(({ path: prefix, service }) =>
    stage.misbehave(service, { pathPrefix: `${prefix}${path}`, steps: [{ delayMs }] }),
  );
  await Promise.all(slow);
}

/** The measurement that counts, and every failure of any. */
function costOf({ evidence: { facts, loads }, load }: Seen): Finding[] {
  const costs = budgetFile.shape['gs-23'].safeParse(facts['budget']).data;
  if (!costs)
    return [
      missing({ expectation: 'latency-budget', kind: 'object', from: 'budget file', expected: 'a budget' }, 'none'),
    ];
  const measurement = quietMeasurement(loads, costs);
  const zeroFailures = zeroFailuresAfter(costs.warmUpMs);
  const counted = repeatsOf(costs, measurement).flatMap((repeat) => [
    ...load(streamOf('bare', repeat), zeroFailures, rateReached()),
    ...hopStates.flatMap((state) =>
      load(streamOf(state, repeat), zeroFailures, rateReached(), ledgerComplete(hops[state].service)),
    ),
  ]);
  const failedBefore = loads.filter(({ client }) => (client?.failed ?? 0) > 0 && client?.dropped === 0);
  return [
    ...withinBudget(weighCost(loads, costs, measurement)),
    ...counted,
    ...failedBefore.flatMap(({ name }) => load(name, zeroFailures)),
  ];
}
