import { z } from 'zod';
import type { PodHttp } from '#lab/forward.ts';

const stats = z.object({
  stats: z.array(z.looseObject({ name: z.string().optional(), value: z.number().optional() })),
});

/**
 * Reads those counters and gauges of an Envoy whose names end in one of the endings.
 *
 * @param admin Envoy's admin port
 * @returns value by full name
 */
export async function readCounters(
  admin: PodHttp,
  endings: readonly string[],
  signal?: AbortSignal,
): Promise<Record<string, number>> {
  const filter = `(${endings.map((each) => RegExp.escape(each)).join('|')})$`;
  const query = new URLSearchParams({ format: 'json', filter });
  const { stats: found } = stats.parse(await admin.json(`/stats?${query.toString()}`, signal ? { signal } : {}));
  return Object.fromEntries(
    found.flatMap(({ name, value }) => (name === undefined || value === undefined ? [] : [[name, value]])),
  );
}

/** The sum of those counters and gauges: how often anything of the kind has happened. */
export async function sumOfCounters(admin: PodHttp, endings: readonly string[], signal?: AbortSignal): Promise<number> {
  return Object.values(await readCounters(admin, endings, signal)).reduce((sum, each) => sum + each, 0);
}
