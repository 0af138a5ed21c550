import { z } from 'zod';
import type { PodHttp } from '#lab/forward.ts';
import type { LoadLedger } from '#support/load-evidence.ts';

const ranges = z.array(z.tuple([z.number(), z.number()]));
const page = z.object({
  answered: z.record(z.string(), z.number()),
  broken: z.number(),
  certificates: z.record(z.string(), z.object({ requests: z.number(), firstAt: z.string(), lastAt: z.string() })),
  uris: z.record(z.string(), z.number()),
  sequences: z.object({ received: ranges, repeats: z.number() }),
});

/** More runs of gaps than a reader would look at; an outage has a few long ones. */
const toldGaps = 100;

/**
 * The account that a backend has kept under this name so far.
 *
 * @param pod admin port of a fixture
 */
export async function readLedger(pod: PodHttp, name: string, signal: AbortSignal): Promise<LoadLedger> {
  const { answered, broken, certificates, uris, sequences } = page.parse(await pod.json(pathOf(name), { signal }));
  return {
    received: sequences.received.reduce((sum, [first, last]) => sum + last - first + 1, 0),
    repeated: sequences.repeats,
    gaps: gapsIn(sequences.received).slice(0, toldGaps),
    answered,
    broken,
    certificates,
    callers: uris,
  };
}

/** Has the backend forget it: there is room for some dozens. */
export async function forgetLedger(pod: PodHttp, name: string, signal: AbortSignal): Promise<void> {
  await pod.request(pathOf(name), { method: 'DELETE', signal });
}

const pathOf = (name: string): string => `/ledger?${new URLSearchParams({ name }).toString()}`;

function gapsIn(received: readonly [first: number, last: number][]): [first: number, last: number][] {
  const gaps: [number, number][] = [];
  let next = 0;
  for (const [first, last] of received) {
    if (first > next) gaps.push([next, first - 1]);
    next = last + 1;
  }
  return gaps;
}
