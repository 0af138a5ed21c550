import { isDeepStrictEqual } from 'node:util';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { NotReadyError } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';
import { readCounters } from '#witness/counters.ts';
import { expectedInbound, inboundDifference } from '#witness/expected-inbound.ts';
import { inboundDumpPath, inboundFacts } from '#witness/inbound.ts';
import { expectedOutbound, outboundDumpPath, outboundPolicy } from '#witness/outbound.ts';
import type { Scene } from '#verdict/scene.ts';
import { settleGateways } from '#verdict/settle-gateway.ts';
import type { Workload } from '#verdict/workload.ts';

const rootNamespace = 'istio-system';
/** Kinds whose effect on a proxy can be foretold. */
const foretold = new Set(['PeerAuthentication', 'AuthorizationPolicy']);
/** Kinds that change a proxy in ways that are only seen as a change. */
const felt = new Set(['EnvoyFilter']);

/** How many listener updates each proxy had taken in before an object that changes it was applied. */
export type Before = Map<Workload, number>;

/** Notes where the proxies stand, when these objects change them in ways that cannot be foretold. */
export async function lookBefore(
  scene: Scene,
  uses: readonly string[],
  objects: readonly Manifest[],
  signal?: AbortSignal,
): Promise<Before> {
  const touching = objects.filter(({ kind }) => kind !== undefined && felt.has(kind));
  const selected = meshed(scene, uses).filter((each) => touching.some((object) => touches(object, each)));
  const noted = selected.map(async (each): Promise<[Workload, number]> => [each, await updates(scene, each, signal)]);
  return new Map(await Promise.all(noted));
}

/**
 * Waits until the proxies in use enforce what the objects in the cluster now say: reads the running configuration, never
 * the clock. What a proxy was last seen to enforce is kept with the scene, so that only those are asked that must change.
 *
 * @param objects those that were just applied or removed
 * @throws NotReadyError naming the proxy that did not follow, and where it differs
 */
export async function settle(
  scene: Scene,
  uses: readonly string[],
  objects: readonly Manifest[],
  before: Before,
  signal?: AbortSignal,
): Promise<void> {
  if (scene.plan.channel === 'envoy-gateway') return settleGateways(scene, uses, signal);
  const taken = [...before].map(([workload, earlier]) => nextUpdate(scene, workload, earlier, signal));
  await Promise.all(taken);
  const sidecars = objects.filter(({ kind }) => kind === 'Sidecar');
  await Promise.all([
    objects.some(({ kind }) => kind !== undefined && foretold.has(kind)) && enforced(scene, uses, signal),
    ...meshed(scene, uses)
      .filter((each) => sidecars.some((object) => touches(object, each)))
      .map((each) => routed(scene, each, signal)),
  ]);
}

/** Waits until a proxy's routes do with unknown hosts what the Sidecar objects in force say. */
async function routed(scene: Scene, workload: Workload, signal?: AbortSignal): Promise<void> {
  const { name, namespace } = workload;
  // The version that both Istio releases of kind/versions.yaml serve, each on its own.
  const objects = await scene.cluster.list<Manifest>('networking.istio.io/v1beta1', 'Sidecar', namespace);
  const expected = expectedOutbound(workload, objects);
  const admin = await scene.admin(name);
  const look = async (): Promise<Look<true>> => {
    const { body } = await admin.request(outboundDumpPath, signal ? { signal } : {});
    const now = outboundPolicy(body);
    return now === expected ? { done: true } : { seen: now ?? 'some routes of both' };
  };
  const options = { timeoutMs: timeouts.convergenceMs, intervalMs: timeouts.settlePollMs, ...(signal && { signal }) };
  await until(`the routes of ${name} to be ${expected}`, look, options);
}

/** Waits until the proxies in use enforce the policies in force, whoever applied them. */
export async function enforced(scene: Scene, uses: readonly string[], signal?: AbortSignal): Promise<void> {
  if (scene.plan.channel === 'envoy-gateway') return settleGateways(scene, uses, signal);
  const workloads = meshed(scene, uses);
  const policies = await inForce(scene, workloads);
  const follow = async (workload: Workload): Promise<void> => {
    const expected = expectedInbound(workload, policies.get(workload.namespace) ?? [], rootNamespace);
    if (isDeepStrictEqual(scene.enforced.get(workload.name), expected)) return;
    let difference = 'nothing read yet';
    const deadline = performance.now() + timeouts.convergenceMs;
    for (;;) {
      // Counted first: an update that comes while the dump is read ends the wait at once.
      const seen = await updates(scene, workload, signal);
      const now = inboundDifference(expected, inboundFacts(await inboundDump(scene, workload, signal)));
      if (now === undefined) break;
      difference = now;
      if (performance.now() > deadline)
        throw new NotReadyError(`the proxy of ${workload.name} does not enforce the policies in force: ${difference}`);
      await nextUpdate(scene, workload, seen, signal, difference);
    }
    scene.enforced.set(workload.name, expected);
  };
  await Promise.all(workloads.map(follow));
}

/** A dump is a quarter of a megabyte, the counter of updates a line: the dump is read again only when the counter moved. */
async function nextUpdate(
  scene: Scene,
  workload: Workload,
  earlier: number,
  signal?: AbortSignal,
  difference = 'no listener update',
): Promise<void> {
  const look = async (): Promise<Look<true>> =>
    (await updates(scene, workload, signal)) > earlier ? { done: true } : { seen: difference };
  const options = { timeoutMs: timeouts.convergenceMs, intervalMs: timeouts.settlePollMs, ...(signal && { signal }) };
  await until(`the proxy of ${workload.name} to follow`, look, options);
}

/** Policies that bear on each namespace of these workloads: its own, and those of the root namespace. */
async function inForce({ cluster }: Scene, workloads: readonly Workload[]): Promise<Map<string, Manifest[]>> {
  const namespaces = [...new Set(workloads.map(({ namespace }) => namespace))];
  const root = policiesOf(cluster, rootNamespace);
  const own = namespaces.map(async (each): Promise<[string, Manifest[]]> => [
    each,
    (await Promise.all([policiesOf(cluster, each), root])).flat(),
  ]);
  return new Map(await Promise.all(own));
}

/** PeerAuthentications and AuthorizationPolicies of one namespace, as the API server keeps them. */
export async function policiesOf(cluster: Cluster, namespace: string): Promise<Manifest[]> {
  const kinds = ['PeerAuthentication', 'AuthorizationPolicy'].map(async (kind) => {
    const found = await cluster.list<Manifest>('security.istio.io/v1beta1', kind, namespace);
    return found.map((each) => ({ ...each, kind }));
  });
  return (await Promise.all(kinds)).flat();
}

const meshed = (scene: Scene, uses: readonly string[]): Workload[] =>
  uses.map((name) => scene.workload(name)).filter(({ sidecar, ports }) => sidecar && ports.length > 0);

async function inboundDump(scene: Scene, { name }: Workload, signal?: AbortSignal): Promise<string> {
  const { body } = await (await scene.admin(name)).request(inboundDumpPath, signal ? { signal } : {});
  return body;
}

/** Listener updates that the proxy has taken in from its control plane, changed or not. */
async function updates(scene: Scene, { name }: Workload, signal?: AbortSignal): Promise<number> {
  const counters = await readCounters(await scene.admin(name), ['listener_manager.lds.update_success'], signal);
  return Object.values(counters).reduce((sum, each) => sum + each, 0);
}

function touches(object: Manifest, { namespace, labels }: Workload): boolean {
  const { spec } = object as Manifest & { spec?: { workloadSelector?: { labels?: Record<string, string> } } };
  const selector = Object.entries(spec?.workloadSelector?.labels ?? {});
  return object.metadata.namespace === namespace && selector.every(([key, value]) => labels[key] === value);
}
