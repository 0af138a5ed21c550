// What the load generator itself costs: k6 in the cluster at 500 requests per second, by the kubelet's own account of its
// container. While a lab stands that has the image (a check with load ran on it): node scripts/bootstrap.mjs bench/k6.ts LAB [RATE]
import { HttpMethod, RequestContext } from '@kubernetes/client-node';
import { request, type Dispatcher } from 'undici';
import { z } from 'zod';
import { Cluster } from '#lab/cluster.ts';
import { nodeName } from '#lab/engine-objects.ts';
import { kubeconfigOf } from '#lab/record.ts';
import { until } from '#support/wait.ts';
import { imageNames, planScene } from '#verdict/scene-file.ts';
import { deployScene } from '#verdict/scene.ts';
import { StagedLoad } from '#verdict/staged-load.ts';

const [lab = 'default', rate = '500'] = process.argv.slice(2);
const durationMs = 30_000;
const cluster = Cluster.fromFile('main', kubeconfigOf(lab, 'main'), nodeName(lab, 'main'));
const plan = await planScene('semaphore', ['auth-identity'], 'current');
const { signal } = new AbortController();

const usage = z.object({ time: z.string(), usageCoreNanoSeconds: z.number() });
const summary = z.object({
  pods: z.array(
    z.object({
      podRef: z.object({ name: z.string() }),
      containers: z.array(
        z.object({ name: z.string(), cpu: usage, memory: z.object({ workingSetBytes: z.number() }) }),
      ),
    }),
  ),
});

/** What the kubelet says that k6 has used so far; undefined while it has nothing to say of it. */
async function used(pod: string) {
  const [node] = await cluster.list<{ metadata: { name: string } }>('v1', 'Node');
  const url = `${cluster.config.getCurrentCluster()?.server}/api/v1/nodes/${node?.metadata.name}/proxy/stats/summary`;
  const security = new RequestContext(url, HttpMethod.GET);
  await cluster.config.applySecurityAuthentication(security);
  const dispatcher = security.getDispatcher() as Dispatcher;
  const { body } = await request(url, { headers: security.getHeaders(), dispatcher });
  const { pods } = summary.parse(await body.json());
  const k6 = pods.find(({ podRef }) => podRef.name === pod)?.containers.find(({ name }) => name === 'k6');
  return k6 && { atMs: Date.parse(k6.cpu.time), cpuNs: k6.cpu.usageCoreNanoSeconds, bytes: k6.memory.workingSetBytes };
}

await using scene = await deployScene(cluster, plan);
const url = `http://${scene.workload('auth-identity').podIP}:8081/bench`;
const names = { ...plan.names, ...(await imageNames(['k6-image'], false)) };
const streams = { bench: { url, rate: Number(rate), durationMs, stallMs: 400, ledgers: ['auth-identity'] } };
await using load = await StagedLoad.start(scene, names, { durationMs, streams }, signal, () => undefined);
const look = async (after: number) => {
  const now = await used(load.pod);
  return now && now.atMs > after ? { done: now } : { seen: `${now?.atMs}` };
};
// The first account that lies wholly within the load, and the last one.
const first = await until('the kubelet to account for k6', () => look(Date.now() - 2_000), { timeoutMs: durationMs });
let last = first;
const ended = new AbortController();
const results = load.results().finally(() => ended.abort());
while (!ended.signal.aborted) {
  const options = { timeoutMs: durationMs, intervalMs: 500, signal: ended.signal };
  last = await until('a later account', () => look(last.atMs), options).catch(() => last);
}
const result = (await results)[0]?.client;
const elapsedMs = last.atMs - first.atMs;
const cores = (last.cpuNs - first.cpuNs) / 1e6 / elapsedMs;
const { p50, p99 } = result?.latencyMs ?? { p50: Number.NaN, p99: Number.NaN };
console.log(`k6 at ${rate}/s        ${cores.toFixed(2)} cores over ${(elapsedMs / 1000).toFixed(0)} s   (under 0.5)`);
console.log(`  memory         ${Math.round(last.bytes / 2 ** 20)} MiB`);
console.log(`  requests       ${result?.sent} sent, ${result?.failed} failed, ${result?.dropped} dropped`);
console.log(`  latency        p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
