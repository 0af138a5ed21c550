import { messageOf } from '#support/errors.ts';
import type { ProbeEvidence } from '#support/evidence.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';
import { readCounters } from '#witness/counters.ts';
import type { Scene } from '#verdict/scene.ts';

interface Counted<T> {
  outcome: T;
  counters: NonNullable<ProbeEvidence['counters']>;
  silent: ProbeEvidence['silent'];
}

/**
 * Reads counters, acts, and reads them again once they moved: a proxy counts a connection when it has ended, which may be
 * a moment after its client knew. Counters that do not move within that moment did not move.
 *
 * @param wanted endings of counters, by the workload whose proxy counts
 */
export async function countersAround<T>(
  scene: Scene,
  wanted: Record<string, string[]>,
  act: () => Promise<T>,
  signal: AbortSignal,
): Promise<Counted<T>> {
  const proxies = await Promise.all(
    Object.entries(wanted).map(async ([workload, endings]) => {
      const admin = await scene.admin(workload);
      return { workload, read: () => readCounters(admin, endings, signal) };
    }),
  );
  const before = await Promise.all(proxies.map(({ read }) => read().catch(messageOf)));
  const outcome = await act();
  const counters: Counted<T>['counters'] = [];
  const silent: Counted<T>['silent'] = [];
  const one = async ({ workload, read }: (typeof proxies)[number], first: Record<string, number> | string) => {
    const last = typeof first === 'string' ? first : await moved(read, first).catch(messageOf);
    if (typeof first === 'string' || typeof last === 'string') {
      silent.push({ witness: `counters of ${workload}`, reason: typeof first === 'string' ? first : messageOf(last) });
      return;
    }
    const { namespace, pod } = scene.workload(workload);
    const proxy = { cluster: scene.cluster.name, namespace, pod, workload, side: 'destination' as const };
    for (const [stat, after] of Object.entries(last)) counters.push({ proxy, stat, before: first[stat] ?? 0, after });
  };
  await Promise.all(proxies.map((proxy, index) => one(proxy, before[index] ?? 'not read')));
  return { outcome, counters, silent };
}

async function moved(
  read: () => Promise<Record<string, number>>,
  first: Record<string, number>,
): Promise<Record<string, number>> {
  let last = first;
  const look = async () => {
    last = await read();
    return Object.entries(last).some(([stat, value]) => value !== (first[stat] ?? 0))
      ? { done: last }
      : { seen: 'unmoved' };
  };
  const options = { timeoutMs: timeouts.counterMs, intervalMs: timeouts.settlePollMs };
  return until('a counter to move', look, options).catch(() => last);
}
