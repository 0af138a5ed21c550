import type { Cluster, Manifest } from '#lab/cluster.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';
import { readCounters } from '#witness/counters.ts';
import { expectedInbound, inboundDifference } from '#witness/expected-inbound.ts';
import { inboundDumpPath, inboundFacts } from '#witness/inbound.ts';
import type { Scene, Workload } from '#verdict/scene.ts';

const rootNamespace = 'istio-system';
/** Kinds whose effect on a proxy can be foretold. */
const foretold = new Set(['PeerAuthentication', 'AuthorizationPolicy']);
/** Kinds that change a proxy in ways that are only seen as a change. */
const felt = new Set(['EnvoyFilter']);

/** How many listener updates each proxy had taken in before an object that changes it was applied. */
export type Before = Map<string, number>;

/** Notes where the proxies stand, when these objects change them in ways that cannot be foretold. */
export async function lookBefore(scene: Scene, objects: readonly Manifest[], signal?: AbortSignal): Promise<Before> {
  const touching = objects.filter(({ kind }) => kind !== undefined && felt.has(kind));
  const selected = meshed(scene).filter((each) => touching.some((object) => touches(object, each)));
  const noted = selected.map(async (each): Promise<[string, number]> => [
    each.name,
    await updates(scene, each, signal),
  ]);
  return new Map(await Promise.all(noted));
}

/**
 * Waits until every proxy of the scene enforces what the objects in the cluster now say: reads the running configuration,
 * never the clock.
 *
 * @throws NotReadyError naming the proxy that did not follow, and where it differs
 */
export async function settle(
  scene: Scene,
  objects: readonly Manifest[],
  before: Before,
  signal?: AbortSignal,
): Promise<void> {
  const options = { timeoutMs: timeouts.convergenceMs, intervalMs: timeouts.settlePollMs, ...(signal && { signal }) };
  const changed = [...before].map(([name, earlier]) =>
    until(
      `the proxy of ${name} to take the EnvoyFilter in`,
      async (): Promise<Look<true>> =>
        (await updates(scene, scene.workload(name), signal)) > earlier
          ? { done: true }
          : { seen: 'no listener update' },
      options,
    ),
  );
  await Promise.all(changed);
  if (!objects.some(({ kind }) => kind !== undefined && foretold.has(kind))) return;
  const policies = await inForce(scene);
  const followed = meshed(scene).map((workload) => {
    const expected = expectedInbound(workload, policies.get(workload.namespace) ?? [], rootNamespace);
    const look = async (): Promise<Look<true>> => {
      const difference = inboundDifference(expected, inboundFacts(await inboundDump(scene, workload, signal)));
      return difference === undefined ? { done: true } : { seen: difference };
    };
    return until(`the proxy of ${workload.name} to enforce the policies in force`, look, options);
  });
  await Promise.all(followed);
}

/** Policies that bear on each namespace of the scene: its own, and those of the root namespace. */
async function inForce({ cluster, workloads }: Scene): Promise<Map<string, Manifest[]>> {
  const namespaces = [
    ...new Set([...workloads.values()].filter(({ sidecar }) => sidecar).map((each) => each.namespace)),
  ];
  const root = await policiesOf(cluster, rootNamespace);
  const own = namespaces.map(async (each): Promise<[string, Manifest[]]> => [
    each,
    [...(await policiesOf(cluster, each)), ...root],
  ]);
  return new Map(await Promise.all(own));
}

/** PeerAuthentications and AuthorizationPolicies of one namespace, as the API server keeps them. */
export async function policiesOf(cluster: Cluster, namespace: string): Promise<Manifest[]> {
  const kinds = ['PeerAuthentication', 'AuthorizationPolicy'].map(async (kind) => {
    const found = await cluster.list<Manifest>('security.istio.io/v1', kind, namespace);
    return found.map((each) => ({ ...each, kind }));
  });
  return (await Promise.all(kinds)).flat();
}

const meshed = (scene: Scene): Workload[] =>
  [...scene.workloads.values()].filter(({ sidecar, ports }) => sidecar && ports.length > 0);

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
