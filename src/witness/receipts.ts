import type { PodHttp } from '#lab/forward.ts';
import { receipt, type Receipt } from '#support/evidence.ts';
import { z } from 'zod';

const page = z.object({ receipts: z.array(receipt), dropped: z.number() });

/**
 * What a backend really received of these probes. Asked outside the mesh, so a denial does not silence it.
 *
 * @throws Error when the backend has lost receipts: then an absent one proves nothing
 */
export async function receiptsOf(pod: PodHttp, ids: readonly string[], signal?: AbortSignal): Promise<Receipt[]> {
  if (ids.length === 0) return [];
  const query = new URLSearchParams(ids.map((id): [string, string] => ['id', id]));
  const { receipts, dropped } = page.parse(await pod.json(`/receipts?${query.toString()}`, signal ? { signal } : {}));
  if (dropped > 0) throw new Error(`${dropped} receipts fell out of the ring`);
  return receipts;
}
