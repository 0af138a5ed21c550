// Proves that a gateway restarts and scales under load without losing requests, and that a pod serves only when all of it is ready.
import { z } from 'zod';
import type { Manifest } from '#lab/cluster.ts';
import { servicesLeadTo } from '#lab/service-rules.ts';
import { sidecarAdminPort } from '#probe/caller.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';
import { check, type Seen } from '#verdict/check.ts';
import { answer, missing, type Question } from '#verdict/expectation.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { cameFrom, failedWithin, ledgerComplete, rateReached } from '#verdict/expectations/load.ts';
import { mutualTlsFrom } from '#verdict/expectations/proxy-log.ts';
import type { Finding } from '#verdict/result.ts';
import type { Stage } from '#verdict/stage.ts';
import type { StagedLoad } from '#verdict/staged-load.ts';
import { dumpedSecrets, secretsPath } from '#witness/certificates/secrets-page.ts';
import { publicHost, spiffe } from './semaphore.ts';

const gateway = 'rolling-gateway';
const backend = 'auth-identity';
const rate = 40;
/** Of all requests: what a connection that was opened in the last moment of a pod may cost. */
const failureBudget = 0.002;
const longestMs = 300_000;

const pods = z.array(z.object({ name: z.string(), readyAt: z.string(), certificate: z.string() }));
const scaling = z.array(z.object({ from: z.number(), to: z.number(), cpu: z.string() }));

export default check({
  id: 'GS-22',
  title: 'Rolling restart and HPA under load',
  level: 'extended',
  system: 'gateway-switch',
  tags: ['rollout', 'load'],
  needs: ['istio', 'sidecar', 'resource-metrics'],
  scene: 'semaphore',
  uses: ['edge', 'envoy-gateway', backend],
  parts: ['k6-image'],
  channels: ['current'],
  story: {
    setUp:
      'A gateway of two pods with a HorizontalPodAutoscaler on CPU that is really measured; sidecars start before the gateway they stand by. STRICT inside.',
    sends: `${rate} requests per second to the gateway while the autoscaler adds a pod and takes it away, while the gateway is restarted, and while it is restarted with a sidecar that takes four seconds longer.`,
    expects:
      'Failed requests stay within the budget, each is received once. Each pod carried traffic, and none before all its containers were ready: told by the certificate of its sidecar.',
    why: 'A gateway that starts before its sidecar sends its first requests nowhere. At every rollout and every scale-out callers see a burst of errors that no dashboard of averages shows.',
  },
  params: { scaling: 'yes' },
  async collect(stage, { scaling: wanted }) {
    const { names } = stage;
    const url = `http://${gateway}.${names['namespace']}.svc.cluster.local:8090/auth/login`;
    const headers = { host: publicHost };
    await stage.apply('gateway');
    const seen = new Map<string, z.infer<typeof pods>[number]>();
    await rolledOut(stage, seen, 2);
    await stage.call('through-gateway', { from: 'edge', to: backend, url, headers });
    await using load = await stage.load({
      durationMs: longestMs,
      streams: {
        public: {
          url,
          headers,
          rate,
          ledgers: [backend],
          thresholds: { failures: [`rate<=${failureBudget}`] },
          // Pods that start take the cores of those that serve: late is not lost.
          timeoutMs: 10_000,
          stallMs: 2_500,
        },
      },
    });
    if (wanted === 'yes') {
      const out = await scale(stage, 'scale-out', 2, 3);
      await settled(stage, seen, load, 3);
      stage.record('scaling', [out, await scale(stage, 'scale-in', 3, 2)]);
    }
    await stage.restartStep('gateway');
    await settled(stage, seen, load, 2);
    await stage.apply('sidecar-delayed');
    await settled(stage, seen, load, 2);
    await load.stop();
    await load.results();
    stage.record('pods', [...seen.values()]);
  },
  judge: (seen) => {
    const { names, probe, load, fact } = seen;
    return [
      probe('through-gateway', answered(200), mutualTlsFrom(backend, spiffe(names, gateway)), receivedBy(backend)),
      load(
        'public',
        failedWithin(failureBudget),
        rateReached(),
        ledgerComplete(backend),
        cameFrom(backend, spiffe(names, gateway)),
      ),
      fact('scaling', scaledByMetrics),
      trafficAfterReady(seen),
    ];
  },
  twins: [
    {
      name: 'no-start-order',
      sabotage: 'The gateway starts before its sidecar, and its pod counts as ready without it.',
      breaks: 'failed-within-budget',
      on: 'public',
      params: { scaling: 'no' },
    },
  ],
});

const scaledByMetrics = factIs({
  expectation: 'scaled-by-metrics',
  kind: 'object',
  from: `HorizontalPodAutoscaler ${gateway}`,
  expected: 'from 2 to 3 pods and back, on CPU that was measured',
  shape: scaling,
  met: (steps) =>
    steps.map(({ from, to }) => `${from} to ${to}`).join() === '2 to 3,3 to 2' &&
    steps.every(({ cpu }) => /^[1-9]/.test(cpu)),
  seen: (steps) => steps.map(({ from, to, cpu }) => `${from} to ${to} at ${cpu} a pod`).join(', '),
});

/** Every pod carried requests under its own certificate, the first of them after its containers were all ready. */
function trafficAfterReady({ evidence: { facts, loads } }: Seen): Finding {
  const question: Question = {
    expectation: 'traffic-after-ready',
    kind: 'object',
    from: 'API server',
    expected: 'every pod carries requests, and none before it is ready',
  };
  const known = pods.safeParse(facts['pods']).data;
  const ledger = loads.find(({ name }) => name === 'public')?.ledgers[backend];
  if (!known || !ledger) return missing(question, known ? `${backend} kept no account` : 'no pods were recorded');
  const carried = known.map(({ name, readyAt, certificate }) => {
    const firstAt = ledger.certificates[certificate]?.firstAt;
    return { name, afterMs: firstAt === undefined ? undefined : Date.parse(firstAt) - Date.parse(readyAt) };
  });
  // The API server tells readiness to the second below.
  const early = carried.find(({ afterMs }) => afterMs === undefined || afterMs < 0);
  const text = early
    ? `${early.name}: ${early.afterMs === undefined ? 'no request' : `${early.afterMs} ms after it was ready`}`
    : `${known.length} pods, each within ${Math.max(...carried.map(({ afterMs }) => afterMs ?? 0))} ms`;
  return answer(question, known.length > 0 && early === undefined, text);
}

/** Has the autoscaler change the number of pods, and tells on what it did so. */
async function scale(stage: Stage, step: string, from: number, to: number): Promise<z.infer<typeof scaling>[number]> {
  await stage.apply(step);
  const look = async (): Promise<Look<z.infer<typeof scaling>[number]>> => {
    const [own] = await objects<Autoscaler>(stage, 'autoscaling/v2', 'HorizontalPodAutoscaler');
    const { desiredReplicas, currentReplicas, currentMetrics, conditions = [] } = own?.status ?? {};
    const cpu = currentMetrics?.[0]?.resource?.current?.averageValue;
    if (desiredReplicas === to && currentReplicas === to && cpu !== undefined) return { done: { from, to, cpu } };
    const trouble = conditions.find(({ type, status }) => type === 'ScalingActive' && status !== 'True')?.message;
    return { seen: trouble ?? `${currentReplicas} pods, ${desiredReplicas} wanted, at ${cpu ?? 'no CPU known'}` };
  };
  const options = { timeoutMs: timeouts.autoscalerMs, intervalMs: timeouts.objectPollMs, signal: stage.signal };
  return until(`the autoscaler to go to ${to} pods`, look, options);
}

/** Waits until a rollout has ended with so many pods, and each of them has carried requests. */
async function settled(stage: Stage, seen: PodsSeen, load: StagedLoad, replicas: number): Promise<void> {
  const certificates = await rolledOut(stage, seen, replicas);
  const look = async (): Promise<Look<true>> => {
    const { certificates: counted } = await load.received('public', backend);
    const idle = certificates.filter((each) => (counted[each]?.requests ?? 0) < rate / 2);
    return idle.length === 0 ? { done: true } : { seen: `${idle.length} pods without requests` };
  };
  const options = { timeoutMs: timeouts.convergenceMs, intervalMs: timeouts.objectPollMs, signal: stage.signal };
  await until('every pod of the gateway to carry requests', look, options);
}

type PodsSeen = Map<string, z.infer<typeof pods>[number]>;

/** Waits until just so many pods are ready, all of the last template. @returns the certificates of their sidecars */
async function rolledOut(stage: Stage, seen: PodsSeen, replicas: number): Promise<string[]> {
  let addresses: string[] = [];
  const look = async (): Promise<Look<string[]>> => {
    const [deployment] = await objects<Deployment>(stage, 'apps/v1', 'Deployment');
    const { observedGeneration, updatedReplicas = 0, readyReplicas = 0, replicas: all } = deployment?.status ?? {};
    if (observedGeneration !== deployment?.metadata.generation) return { seen: 'the rollout has not begun' };
    if (updatedReplicas !== replicas || readyReplicas !== replicas || all !== replicas)
      return { seen: `${updatedReplicas} pods of the new template, ${readyReplicas} ready, ${all} in all` };
    const own = (await objects<Pod>(stage, 'v1', 'Pod')).filter(({ metadata }) => !metadata.deletionTimestamp);
    const known = await Promise.all(own.map((each) => witnessed(stage, each)));
    for (const each of known) seen.set(each.name, each);
    addresses = own.map((each) => each.status?.podIP ?? '');
    return { done: known.map(({ certificate }) => certificate) };
  };
  const options = { timeoutMs: timeouts.workloadReadyMs, intervalMs: timeouts.objectPollMs, signal: stage.signal };
  const certificates = await until(`${gateway} to roll out`, look, options);
  await servicesLeadTo(stage.scene.cluster, { pods: addresses }, stage.signal);
  return certificates;
}

async function witnessed({ scene, names }: Stage, { metadata, status }: Pod): Promise<z.infer<typeof pods>[number]> {
  const sidecar = await scene.forwards.to(names['namespace'] ?? '', metadata.name, sidecarAdminPort);
  const secrets = dumpedSecrets((await sidecar.request(secretsPath)).body);
  const certificate = secrets['default']?.leaf?.fingerprint;
  const readyAt = status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime;
  if (certificate === undefined || readyAt === undefined) throw new Error(`${metadata.name} has no certificate yet`);
  return { name: metadata.name, readyAt: new Date(readyAt).toISOString(), certificate };
}

/** Those of the gateway. */
async function objects<T extends Manifest>(stage: Stage, apiVersion: string, kind: string): Promise<T[]> {
  const found = await stage.objects(apiVersion, kind, stage.names['namespace'] ?? '');
  return found.filter(({ metadata }) => (metadata.labels?.['app'] ?? metadata.name) === gateway) as T[];
}

interface Autoscaler extends Manifest {
  status?: {
    desiredReplicas?: number;
    currentReplicas?: number;
    currentMetrics?: { resource?: { current?: { averageValue?: string } } }[];
    conditions?: { type: string; status: string; message?: string }[];
  };
}
interface Deployment extends Manifest {
  metadata: Manifest['metadata'] & { generation?: number };
  status?: { observedGeneration?: number; updatedReplicas?: number; readyReplicas?: number; replicas?: number };
}
interface Pod extends Manifest {
  metadata: Manifest['metadata'] & { deletionTimestamp?: string | Date };
  status?: { podIP?: string; conditions?: { type: string; lastTransitionTime?: string | Date }[] };
}
