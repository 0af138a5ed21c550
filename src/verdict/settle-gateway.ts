import { randomBytes } from 'node:crypto';
import type { Manifest } from '#lab/cluster.ts';
import { owned } from '#lab/manifests.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';
import { sumOfCounters } from '#witness/counters.ts';
import type { Scene } from '#verdict/scene.ts';
import { stepLabel } from '#verdict/steps.ts';
import type { Workload } from '#verdict/workload.ts';

const markName = 'meshwitness-mark';
/** Hosts under it are nobody's: what runs with them says nothing of a check. */
export const markHost = 'mark.meshwitness.test';
/** What waits for endpoints or secrets serves as before until it has them: for up to 15 s, where the controller says nothing more. */
const warming = ['listener_manager.total_listeners_warming', 'cluster_manager.warming_clusters'];
const refused = ['.update_rejected'];

/**
 * Waits until the proxies of these gateways serve what the API server held when this was called.
 *
 * What a refused or a removed policy changes cannot be foretold, and may be nothing. So a route of ours, with a word that is
 * new, is put behind the change: the controller translates all objects together, and a proxy that has the word has the rest.
 * It is done twice, as the controller hears of each kind on a stream of its own, and proxies take listeners in after routes.
 *
 * @throws NotReadyError naming the gateway that did not follow
 */
export async function settleGateways(scene: Scene, uses: readonly string[], signal?: AbortSignal): Promise<void> {
  const gateways = uses.map((name) => scene.workload(name)).filter(({ address }) => address !== undefined);
  if (gateways.length === 0) return;
  for (let round = 0; round < 2; round += 1) {
    const word = `w${randomBytes(6).toString('hex')}`;
    await scene.cluster.apply([mark(scene, word)], signal);
    await Promise.all(gateways.map((each) => hasTaken(scene, each, word, signal)));
  }
}

async function hasTaken(scene: Scene, { name }: Workload, word: string, signal?: AbortSignal): Promise<void> {
  const admin = await scene.admin(name);
  const sumOf = (endings: readonly string[]) => sumOfCounters(admin, endings, signal);
  const before = await sumOf(refused);
  const look = async (): Promise<Look<true>> => {
    const { body } = await admin.request('/config_dump?resource=dynamic_route_configs', signal ? { signal } : {});
    if (body.includes(word)) {
      const counted = await sumOf(warming);
      return counted === 0 ? { done: true } : { seen: 'listeners or clusters that are warming' };
    }
    const more = (await sumOf(refused)) - before;
    return { seen: more > 0 ? `the routes of before, and ${more} updates that it refused` : 'the routes of before' };
  };
  const options = { timeoutMs: timeouts.convergenceMs, intervalMs: timeouts.settlePollMs, ...(signal && { signal }) };
  await until(`the proxy of gateway ${name} to follow`, look, options);
}

/** Redirects a host that nobody calls; it needs no backend, and no policy of a check has it in mind. */
function mark({ plan, workloads }: Scene, word: string): Manifest {
  const namespace = plan.names['namespace'] ?? '';
  const requestRedirect = { hostname: markHost, statusCode: 302 };
  return owned({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: markName, namespace, labels: { [stepLabel]: 'mark' } },
    spec: {
      // All of the scene: what a gateway runs with must not depend on which check was there before.
      parentRefs: [...workloads.values()]
        .filter(({ address }) => address !== undefined)
        .map(({ name }) => ({ name, sectionName: 'http' })),
      // A policy that comes to nothing takes what a route does from it, and leaves it its host.
      hostnames: [`${word}.${markHost}`],
      rules: [{ filters: [{ type: 'RequestRedirect', requestRedirect }] }],
    },
  });
}
