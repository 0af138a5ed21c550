// Proves that the switch is complete and can be taken back: nothing names the old gateway any more, and no request is lost on the way.
import { z } from 'zod';
import { callFrom } from '#probe/caller.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { cameFrom, failedWithin, ledgerComplete, rateReached } from '#verdict/expectations/load.ts';
import { matchedCluster, mutualTlsFrom } from '#verdict/expectations/proxy-log.ts';
import type { StagedLoad } from '#verdict/staged-load.ts';
import type { CallPlan, Stage } from '#verdict/stage.ts';
import { clusterOf, publicHost, spiffe } from './semaphore.ts';

const oldGateway = 'istio-ingressgateway';
const newGateway = 'envoy-gateway';
const traefikApiPort = 8080;
const partnersHost = 'partners.semaphore.test';
const rate = 40;
/** Requests that a gateway must have carried before the next switch: two and a half seconds of them. */
const carried = 100;
/** Of the requests sent through the switches: Traefik takes a new backend in without letting go of what is on its way. */
const failureBudget = 0.005;
const longestMs = 90_000;

export default check({
  id: 'GS-21',
  title: 'Cut-over is complete and reversible',
  level: 'extended',
  system: 'gateway-switch',
  tags: ['cut-over', 'load'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', 'traefik', oldGateway, newGateway, 'auth-identity'],
  parts: ['k6-image'],
  channels: ['current'],
  alone: true, // beside a course of certificates, requests that are due cannot always be sent
  story: {
    setUp:
      'Traefik outside the mesh, an Ingress that leads to Istio’s ingress gateway, and the Envoy gateway ready beside it. STRICT inside.',
    sends: `${rate} requests per second for the public host through Traefik while the Ingress is switched to envoy-gateway, back, and forward again. Then the Gateway of the old entry is taken away, and the old entry is asked for the public host.`,
    expects:
      'Failed requests stay within the budget, each is received once, from the two gateways and nobody else. No object names the old gateway as backend for a public host; the old entry answers 404 for it, and still serves its other host.',
    why: 'A switch that cannot be taken back is a gamble, and one forgotten Ingress keeps the old path alive, with its old policies.',
  },
  async collect(stage) {
    const { names } = stage;
    const through = (name: string) => stage.call(name, entry(names, `traefik.${names['outside']}`, 8000, publicHost));
    const old = (host: string) => entry(names, `${oldGateway}.${names['namespace']}`, 8080, host);
    await stage.apply('common', 'old-entry', `to-${oldGateway}`);
    await leadsTo(stage, oldGateway);
    await answers(stage, old(publicHost), 200);
    await through('before');
    {
      await using load = await stage.load({
        durationMs: longestMs,
        streams: {
          public: {
            url: `http://traefik.${names['outside']}.svc.cluster.local:8000/auth/login`,
            headers: { host: publicHost },
            rate,
            ledgers: ['auth-identity'],
            thresholds: { failures: [`rate<=${failureBudget}`] },
            timeoutMs: 10_000,
            stallMs: 2_500,
          },
        },
      });
      await carries(stage, load, oldGateway);
      for (const next of [newGateway, oldGateway, newGateway]) {
        await stage.apply(`to-${next}`);
        await leadsTo(stage, next);
        await carries(stage, load, next);
      }
      await load.stop();
      await load.results();
    }
    await through('after');
    await stage.call('partners-before', { ...old(partnersHost), role: 'control' });
    await stage.remove('old-entry');
    await answers(stage, old(publicHost), 404);
    await stage.call('old-entry', old(publicHost));
    await stage.call('partners-after', { ...old(partnersHost), role: 'control' });
    stage.record('leftovers', await leftovers(stage));
  },
  judge: ({ names, probe, probes, fact, load }) => [
    probe(
      'before',
      answered(200),
      mutualTlsFrom('auth-identity', spiffe(names, oldGateway)),
      receivedBy('auth-identity'),
    ),
    load(
      'public',
      failedWithin(failureBudget),
      rateReached(),
      ledgerComplete('auth-identity'),
      cameFrom('auth-identity', spiffe(names, oldGateway), spiffe(names, newGateway)),
    ),
    probe(
      'after',
      answered(200),
      matchedCluster(newGateway, clusterOf(names, 'auth-identity')),
      mutualTlsFrom('auth-identity', spiffe(names, newGateway)),
      receivedBy('auth-identity'),
    ),
    probes('partners-', answered(200), receivedBy('auth-identity')),
    probe('old-entry', answered(404), notReceivedBy('auth-identity')),
    fact('leftovers', nothingLeft),
  ],
  twins: [
    {
      name: 'stale-ingress',
      sabotage: 'One Ingress of another host still has the old gateway as its backend.',
      breaks: 'no-old-backend',
    },
  ],
});

const nothingLeft = factIs({
  expectation: 'no-old-backend',
  kind: 'object',
  from: 'API server',
  expected: `no object with ${oldGateway} as backend, nor a Gateway that gives it the public host`,
  shape: z.array(z.string()),
  met: (found) => found.length === 0,
  seen: (found) => found.join(', ') || 'none',
});

function entry(names: Record<string, string>, service: string, port: number, host: string): CallPlan {
  return {
    from: 'edge',
    to: 'auth-identity',
    url: `http://${service}.svc.cluster.local:${port}/auth/login`,
    headers: { host },
  };
}

const routers = z.array(z.object({ rule: z.string(), service: z.string(), status: z.string() }));

/** Waits until Traefik has taken in that the public host leads to this Service. */
async function leadsTo({ scene, signal }: Stage, service: string): Promise<void> {
  const traefik = await scene.admin('traefik', traefikApiPort);
  const look = async () => {
    const own = routers
      .parse(await traefik.json('/api/http/routers', { signal }))
      .filter(({ rule }) => rule.includes(`Host(\`${publicHost}\`)`));
    const found = own.some((each) => each.service.includes(service) && each.status === 'enabled');
    return found && own.length === 1
      ? { done: true }
      : { seen: own.map((each) => each.service).join(', ') || 'no router' };
  };
  await until(`Traefik to lead ${publicHost} to ${service}`, look, { timeoutMs: timeouts.convergenceMs, signal });
}

/** Waits until the old entry answers so: its listener follows the Gateway objects a moment later. */
async function answers({ scene, signal }: Stage, { from, url, headers = {} }: CallPlan, status: number): Promise<void> {
  const caller = await scene.fixture(from);
  const look = async () => {
    const { status: seen, outcome } = await callFrom(caller, { id: 'mw-gs-21-await', url, headers }, signal);
    return seen === status ? { done: true } : { seen: `${seen ?? outcome}` };
  };
  await until(`${url} to answer ${status}`, look, { timeoutMs: timeouts.convergenceMs, signal });
}

/** Waits until the backend has received enough requests of this gateway since now. */
async function carries({ names, signal }: Stage, load: StagedLoad, gateway: string): Promise<void> {
  const received = async () => (await load.received('public', 'auth-identity')).callers[spiffe(names, gateway)] ?? 0;
  const before = await received();
  const look = async () => {
    const now = (await received()) - before;
    return now >= carried ? { done: true } : { seen: `${now} requests` };
  };
  await until(`${gateway} to carry ${carried} requests`, look, { timeoutMs: timeouts.convergenceMs, signal });
}

/** Objects that still lead to the old gateway: as backend, or as a Gateway that gives it the public host. */
async function leftovers(stage: Stage): Promise<string[]> {
  const namespace = stage.names['namespace'] ?? '';
  const [ingresses, routes, gateways] = await Promise.all([
    stage.objects('networking.k8s.io/v1', 'Ingress', namespace),
    stage.objects('networking.istio.io/v1beta1', 'VirtualService', namespace),
    stage.objects('networking.istio.io/v1beta1', 'Gateway', namespace),
  ]);
  const named = (kind: string, objects: typeof ingresses, text: string) =>
    objects
      .filter((each) => JSON.stringify((each as { spec?: object }).spec).includes(text))
      .map(({ metadata }) => `${kind} ${metadata.name}`);
  return [
    ...named('Ingress', ingresses, `"${oldGateway}"`),
    ...named('VirtualService', routes, `"${oldGateway}.`),
    ...named('Gateway', gateways, `"${publicHost}"`),
  ];
}
