// Proves that Prometheus reaches the metrics on the gateway's admin port, and that nobody reaches anything else there.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered, resetWithoutStatus } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { deniedByPolicy, matchedCluster, mutualTlsFrom, refusedInbound } from '#verdict/expectations/proxy-log.ts';
import type { CallPlan, Stage } from '#verdict/stage.ts';
import { clusterOf, spiffe, throughEdge } from './semaphore.ts';

const gateway = 'envoy-gateway';
const adminPort = 9901;
/** Prometheus by its identity, and a pod that has no business there. */
const callers = ['scraper', 'stranger'] as const;
// One line of the thousand: the whole page is no evidence of more.
const metrics = '/stats/prometheus?filter=server.live';
/** Calls that an admin port takes from anybody, and that change nothing: the proxy is not marked as failing. */
const closed = {
  'config-dump': ['GET', '/config_dump?resource=static_clusters&name_regex=%5Eidle%24'],
  'healthcheck-ok': ['POST', '/healthcheck/ok'],
} as const;

export default check({
  id: 'GS-16',
  title: 'Metrics path open, admin surface closed',
  level: 'core',
  system: 'gateway-switch',
  tags: ['authorization', 'admin', 'observability'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', gateway, 'beacon', ...callers],
  story: {
    setUp:
      'The target state, with semaphore-observability-authz: on the admin port 9901 of the gateway, the identity of Prometheus may ask for /metrics and /stats/prometheus.',
    sends:
      'To 9901: both paths from the identity of Prometheus; /config_dump, POST /healthcheck/ok and POST /quitquitquit from it and from another pod; plaintext from outside the mesh. /config_dump by the public host, too. What is harmless is also sent before and after, without the policy.',
    expects:
      '/stats/prometheus answers 200, /metrics is let through (Envoy has no such page on its admin port, and says 404 itself). The rest is denied with 403, plaintext is refused, the public host leads to a service, and the Envoy of the gateway runs on. POST /quitquitquit is only sent once the harmless POST was denied.',
    why: 'Whoever may POST to the admin port can stop the gateway. A policy for a port without paths opens all of it.',
  },
  async collect(stage) {
    const { names } = stage;
    const harmless = Object.fromEntries(
      callers.flatMap((from) =>
        Object.entries(closed).map(([page, [method, path]]) => [`${from}-${page}`, admin(names, from, path, method)]),
      ),
    );
    const outside = admin(names, 'edge', metrics);
    const before = await starts(stage);
    await stage.between({ under: 'guarded' }, { ...harmless, outside }, async () => {
      await Promise.all([
        stage.call('metrics', admin(names, 'scraper', metrics)),
        stage.call('metrics-path', admin(names, 'scraper', '/metrics')),
        stage.call('stranger-metrics', admin(names, 'stranger', metrics)),
        stage.call('outside', outside),
        stage.call('public', throughEdge(names, `${gateway}:8090`, '/config_dump', 'beacon')),
      ]);
      const answers = await Promise.all(Object.entries(harmless).map(([name, plan]) => stage.call(name, plan)));
      // Whoever may POST at all may stop the proxy: that is known without stopping it.
      if (answers.some(({ status }) => status !== 403)) return;
      for (const from of callers) await stage.call(`${from}-quit`, admin(names, from, '/quitquitquit', 'POST'));
    });
    stage.record('starts', { before, after: await starts(stage) });
    stage.record('services', await adminServices(stage));
  },
  judge: ({ names, probe, probes, fact }) => {
    const scraper = `spiffe://cluster.local/ns/${names['strangers']}/sa/scraper`;
    const identity = { scraper, stranger: spiffe(names, 'stranger') };
    const cluster = `outbound|${adminPort}||envoy-gateway-admin.${names['namespace']}.svc.cluster.local`;
    const admitted = [matchedCluster('scraper', cluster), mutualTlsFrom(gateway, scraper)];
    const denied = (from: (typeof callers)[number]) => [
      answered(403, 'RBAC: access denied'),
      mutualTlsFrom(gateway, identity[from]),
      deniedByPolicy(gateway),
    ];
    const toBeacon = [answered(200), matchedCluster(gateway, clusterOf(names, 'beacon')), receivedBy('beacon')];
    return [
      probe('metrics', answered(200, 'envoy_server_live'), ...admitted),
      probe('metrics-path', answered(404, 'invalid path'), ...admitted),
      probe('stranger-metrics', ...denied('stranger')),
      callers.flatMap((from) => [
        ...Object.keys(closed).flatMap((page) => [
          ...probes(`${from}-${page}-`, answered(200)),
          ...probe(`${from}-${page}`, ...denied(from)),
        ]),
        ...probe(`${from}-quit`, ...denied(from)),
      ]),
      probes('outside-', answered(200)),
      probe('outside', resetWithoutStatus, refusedInbound(gateway)),
      probe('public', ...toBeacon),
      fact('starts', runsOn),
      fact('services', onlyInside),
    ];
  },
  twins: [
    {
      name: 'no-path-restriction',
      sabotage:
        'The policy names the port and no paths. Seen on a GET and on a POST that changes nothing; the one that would stop the proxy is not sent.',
      breaks: 'status-403',
      on: 'scraper-config-dump',
    },
  ],
});

function admin(names: Record<string, string>, from: string, path: string, method = 'GET'): CallPlan {
  const host = `envoy-gateway-admin.${names['namespace']}.svc.cluster.local`;
  return { from, to: gateway, method, url: `http://${host}:${adminPort}${path}` };
}

/** How often the Envoy of the gateway was started, by pod. */
async function starts(stage: Stage): Promise<Record<string, number>> {
  const pods = (await stage.objects('v1', 'Pod', stage.names['namespace'] ?? '')) as Pod[];
  const own = pods.filter(({ metadata }) => metadata.labels?.['app'] === gateway);
  const counted = own.map(({ metadata, status }): [string, number] => [
    metadata.name,
    status?.containerStatuses?.find(({ name }) => name === 'envoy')?.restartCount ?? -1,
  ]);
  return Object.fromEntries(counted);
}

interface Pod {
  metadata: { name: string; labels?: Record<string, string> };
  status?: { containerStatuses?: { name: string; restartCount: number }[] };
}

const runsOn = factIs({
  expectation: 'envoy-runs-on',
  kind: 'object',
  from: 'API server',
  expected: 'the Envoy of the gateway was not started again',
  shape: z.object({ before: z.record(z.string(), z.number()), after: z.record(z.string(), z.number()) }),
  met: ({ before, after }) =>
    Object.keys(before).length > 0 && Object.entries(before).every(([pod, count]) => after[pod] === count),
});

/** Services that lead to the admin port of the gateway. */
async function adminServices(stage: Stage): Promise<z.infer<typeof serviceTypes>> {
  const services = (await stage.objects('v1', 'Service', stage.names['namespace'] ?? '')) as Service[];
  return services
    .filter(({ spec }) => spec.selector?.['app'] === gateway)
    .filter(({ spec }) => spec.ports?.some(({ port, targetPort = port }) => targetPort === adminPort))
    .map(({ metadata: { name, labels }, spec: { type = 'ClusterIP', externalIPs = [] } }) => ({
      name,
      type,
      component: labels?.['component'] ?? 'none',
      external: externalIPs.length > 0,
    }));
}

interface Service {
  metadata: { name: string; labels?: Record<string, string> };
  spec: {
    type?: string;
    externalIPs?: string[];
    selector?: Record<string, string>;
    ports?: { port: number; targetPort?: number | string }[];
  };
}

const serviceTypes = z.array(
  z.object({ name: z.string(), type: z.string(), component: z.string(), external: z.boolean() }),
);

const onlyInside = factIs({
  expectation: 'admin-is-cluster-ip',
  kind: 'object',
  from: 'API server',
  expected: 'one Service, labelled component: admin, of type ClusterIP without external addresses',
  shape: serviceTypes,
  met: (found) =>
    found.length === 1 &&
    found.every(({ type, component, external }) => type === 'ClusterIP' && component === 'admin' && !external),
  seen: (found) => found.map(({ name, type, component }) => `${name}: ${type}, component ${component}`).join('; '),
});
