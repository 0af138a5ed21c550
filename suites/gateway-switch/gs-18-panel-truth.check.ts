// Proves that the panel of the gateway shows what was sent, and to whom; and that pass-through shows up under its own name.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import type { FactExpectation } from '#verdict/expectation.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import type { Stage } from '#verdict/stage.ts';
import { volleyFrom } from '#probe/caller.ts';
import { evaluate } from '#witness/prometheus.ts';
import { clockOf, prometheusOf, scrapesSince } from './scrapes.ts';
import { clusterOf, services, throughEdge, type Service } from './semaphore.ts';

const gateway = 'envoy-gateway';
const paths: Record<Service, string> = {
  'auth-identity': '/auth/login',
  academics: '/academics/list',
  attendance: '/attendance/today',
  beacon: '/ping',
};
/** How many requests each service gets: no two the same, so that none can stand for another. */
const sent: Record<Service, number> = { 'auth-identity': 20, academics: 30, attendance: 40, beacon: 50 };
const all = Object.keys(services) as Service[];
const total = Object.values(sent).reduce((sum, each) => sum + each, 0);
/** Clusters that a call can leave by: what reporter="source" is for Istio's own metric. */
const outbound = String.raw`cluster_name=~"(outbound\\||PassthroughCluster|BlackHoleCluster).*"`;
/** What the panel may be off by. */
const tolerance = 0.05;

export default check({
  id: 'GS-18',
  title: 'Panel tells the truth',
  level: 'core',
  system: 'gateway-switch',
  tags: ['observability', 'prometheus'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', gateway, 'prometheus', ...all],
  story: {
    setUp:
      'The target state. Prometheus scrapes the sidecar of the gateway. The panel "Gateway Requests (RPS)" is a rate for source_workload="envoy-gateway", by destination: of istio_requests_total where the proxy has it, else of the request counters of Envoy\'s clusters.',
    sends: `${total} requests through the edge: ${all.map((each) => `${sent[each]} to ${each}`).join(', ')}.`,
    expects:
      'Over the time from the last scrape before them to the first after them, the panel adds up to what was sent, within 5 %, and each of the four services has its share. The counters of the sidecar itself say the same.',
    why: 'A panel that moves is taken for a gateway that works. In the pass-through state it moves just as well, under the name PassthroughCluster.',
  },
  params: { state: 'target', door: 'envoy-gateway:8090' },
  async collect(stage, { state, door }) {
    const { names } = stage;
    await stage.apply(state);
    await Promise.all(all.map((each) => stage.call(each, throughEdge(names, door, paths[each], each))));
    await stage.counting('counters', { [gateway]: ['.upstream_rq_total'] }, () => panel(stage, door));
  },
  judge: ({ evidence, names, probe, fact }) => {
    const istio = evidence.capabilities.includes('istio-proxy');
    const destination = (service: Service) => (istio ? service : clusterOf(names, service));
    return [
      all.flatMap((each) => probe(each, answered(200), receivedBy(each))),
      fact('answered', everyRequestAnswered),
      fact(istio ? 'istio-panel' : 'envoy-panel', panelAddsUp),
      fact(istio ? 'istio-panel' : 'envoy-panel', destinationsNamed(destination)),
      fact('counters', sidecarCounted),
    ];
  },
  twins: [
    {
      name: 'pass-through',
      sabotage:
        'The gateway keeps the public Host, and everything takes plaintext: the panel moves, and names no service.',
      breaks: 'destinations-named',
      params: { state: 'stop-gap', door: 'envoy-gateway:8080' },
    },
  ],
});

const rates = z.array(z.object({ destination: z.string(), requests: z.number() }));

/** Sends the requests, and evaluates the panel from the last scrape before them to the first one after them. */
async function panel(stage: Stage, door: string): Promise<void> {
  const { names, scene, signal } = stage;
  const prometheus = await prometheusOf(stage);
  const where = `source_workload="${gateway}",namespace="${names['namespace']}"`;
  const scrape = `up{job="envoy-stats",${where}}`;
  const [before] = await scrapesSince(stage, prometheus, scrape, {
    since: await clockOf(prometheus, signal),
    count: 1,
  });
  const plans = all.flatMap((each) =>
    Array.from({ length: sent[each] }, () => throughEdge(names, door, paths[each], each)),
  );
  const calls = plans.map(({ url, headers = {} }, index) => ({ id: `mw-panel-${index}`, url, headers }));
  const outcomes = await volleyFrom(await scene.fixture('edge'), calls, { concurrency: 4, signal });
  const statuses = Map.groupBy(outcomes, ({ status, outcome }) => String(status ?? outcome));
  stage.record('answered', Object.fromEntries([...statuses].map(([status, each]) => [status, each.length])));
  const [after] = await scrapesSince(stage, prometheus, scrape, {
    since: await clockOf(prometheus, signal),
    count: 1,
  });
  if (!before || !after) return;
  // From scrape to scrape nothing is extrapolated. A millisecond more, as newer versions leave out the first of the two.
  const seconds = after.time - before.time;
  const window = `[${Math.round(seconds * 1_000) + 1}ms]`;
  const read = async (by: string, metric: string) => {
    const found = await evaluate(prometheus, `sum by (${by}) (rate(${metric}${window}))`, { time: after.time, signal });
    return found
      .map(({ labels, samples }) => ({
        destination: (labels[by] ?? 'none').replace(/;$/, ''),
        requests: Math.round((samples[0]?.value ?? 0) * seconds * 100) / 100,
      }))
      .filter(({ requests }) => requests > 0);
  };
  stage.record('envoy-panel', await read('cluster_name', `envoy_cluster_upstream_rq_total{${outbound},${where}}`));
  stage.record(
    'istio-panel',
    await read('destination_service_name', `istio_requests_total{reporter="source",${where}}`),
  );
}

const near = (found: number, wanted: number): boolean => Math.abs(found - wanted) <= wanted * tolerance;

const shownRates = (found: z.infer<typeof rates>): string =>
  found.map(({ destination, requests }) => `${destination}: ${requests}`).join('; ') || 'nothing moved';

const panelAddsUp: FactExpectation = factIs({
  expectation: 'panel-adds-up',
  kind: 'counter',
  from: 'Prometheus',
  expected: `${total} requests, within 5 %`,
  shape: rates,
  met: (found) => near(sumOf(found.map(({ requests }) => requests)), total),
  seen: (found) => `${sumOf(found.map(({ requests }) => requests))} requests`,
});

const destinationsNamed = (destination: (service: Service) => string): FactExpectation =>
  factIs({
    expectation: 'destinations-named',
    kind: 'counter',
    from: 'Prometheus',
    expected: all.map((each) => `${destination(each)}: ${sent[each]}`).join('; '),
    shape: rates,
    met: (found) =>
      found.length === all.length &&
      all.every((each) => found.some((one) => one.destination === destination(each) && near(one.requests, sent[each]))),
    seen: shownRates,
  });

const everyRequestAnswered: FactExpectation = factIs({
  expectation: 'every-request-answered',
  kind: 'client',
  from: 'edge',
  expected: `status 200 for all ${total}`,
  shape: z.record(z.string(), z.number()),
  met: (statuses) => statuses['200'] === total && Object.keys(statuses).length === 1,
});

const sidecarCounted: FactExpectation = factIs({
  expectation: 'sidecar-counted',
  kind: 'counter',
  from: gateway,
  expected: `upstream_rq_total +${total} over all clusters`,
  shape: z.record(z.string(), z.record(z.string(), z.number())),
  met: (moved) => countedBy(moved) === total,
  seen: (moved) => `upstream_rq_total +${countedBy(moved)}`,
});

/** Requests of the gateway's clusters; those of the agent and of the control plane are not its business. */
const countedBy = (moved: Record<string, Record<string, number>>): number =>
  sumOf(
    Object.entries(moved[gateway] ?? {})
      .filter(([stat]) => /^cluster\.(outbound\||PassthroughCluster)/.test(stat))
      .map(([, delta]) => delta),
  );

const sumOf = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0);
