import { z } from 'zod';

const result = z.object({
  durationMs: z.number(),
  sent: z.number(),
  answered: z.record(z.string(), z.number()),
  dropped: z.number(),
  latencyMs: z.object({ p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() }).nullable(),
  thresholds: z.record(z.string(), z.boolean()),
});

/** A line that the k6 script prints, by its event; streams by their place in the input. */
const scriptLine = z.discriminatedUnion('event', [
  /** All clients are ready; `at` in milliseconds since 1970. */
  z.object({ event: z.literal('started'), at: z.number() }),
  /** One request that went wrong: `code` is k6's own for what went wrong below HTTP. */
  z.object({
    event: z.literal('failure'),
    stream: z.number(),
    at: z.number(),
    status: z.number(),
    code: z.number(),
    sequence: z.number(),
  }),
  /** One good answer that took longer than the input says; `at` is when it came. */
  z.object({ event: z.literal('slow'), stream: z.number(), at: z.number(), ms: z.number() }),
  z.object({ event: z.literal('ended'), results: z.array(result) }),
]);
export type ScriptLine = z.infer<typeof scriptLine>;

/** Reads one line of k6's log; undefined for what k6 itself has to say, and for a line that a kill cut off. */
export function readScriptLine(text: string): ScriptLine | undefined {
  if (!text.startsWith('{"event":')) return undefined;
  try {
    return scriptLine.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
