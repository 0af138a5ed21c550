import type { Manifest } from '#lab/cluster.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';
import { sumOfCounters } from '#witness/counters.ts';
import type { Stage } from '#verdict/stage.ts';

/** How often a proxy has refused what the controller sent: what the names of those counters end in. */
const refusals = '.update_rejected';

/**
 * Applies objects of which the proxies of these gateways refuse what the controller makes, acts when each has refused it, and
 * takes the objects away again. A proxy that refuses goes on with what it had.
 *
 * @returns by gateway: how many updates it refused. @throws NotReadyError when one of them refuses nothing
 */
export async function whileRefused(
  stage: Stage,
  gateways: readonly string[],
  objects: readonly Manifest[],
  act: () => Promise<unknown>,
): Promise<Record<string, number>> {
  const { scene, signal } = stage;
  const count = async (): Promise<Record<string, number>> => {
    const counted = gateways.map(async (each): Promise<[string, number]> => [
      each,
      await sumOfCounters(await scene.admin(each), [refusals], signal),
    ]);
    return Object.fromEntries(await Promise.all(counted));
  };
  const before = await count();
  const look = async (): Promise<Look<Record<string, number>>> => {
    const now = await count();
    const refused = Object.entries(now).map(([each, value]): [string, number] => [each, value - (before[each] ?? 0)]);
    const accepting = refused.find(([, grown]) => grown === 0);
    return accepting ? { seen: `${accepting[0]} refused nothing` } : { done: Object.fromEntries(refused) };
  };
  try {
    await scene.cluster.apply(objects, signal);
    const options = { timeoutMs: timeouts.convergenceMs, intervalMs: timeouts.settlePollMs, signal };
    const refused = await until(`${gateways.join(' and ')} to refuse an update`, look, options);
    await act();
    return refused;
  } finally {
    await scene.cluster.remove(objects);
  }
}
