import { z } from 'zod';

const latencyMs = z.object({ p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() });

/** What the load generator saw of one stream of requests at a constant arrival rate. */
export const loadResult = z.object({
  /** Requests per second that were planned. */
  rate: z.number(),
  /** From the first request on until the last had ended. */
  durationMs: z.number(),
  /** Requests that were begun. */
  sent: z.number(),
  /** By HTTP status; `0` is no answer at all. */
  answered: z.record(z.string(), z.number()),
  /** Answers other than the one that was planned, and requests without any. */
  failed: z.number(),
  /** Requests that were due and never begun, for want of a free client: with any of these nothing can be decided. */
  dropped: z.number(),
  /** Requests that were on their way when the load was told to stop. */
  interrupted: z.number(),
  /** Of answers as planned, after the warm-up; absent when there was none. */
  latencyMs: latencyMs.optional(),
  /** Of the script's options, by `metric expression`: whether it held. */
  thresholds: z.record(z.string(), z.boolean()),
  startedAt: z.string(),
  /** Seconds in which good answers took longer than `slowMs` of the plan, counted from `startedAt`, with their number. */
  slow: z.array(z.object({ second: z.number(), answers: z.number() })).default([]),
  /** Seconds in which something failed, counted from `startedAt`, with the number of failures by status. */
  failures: z.array(z.object({ second: z.number(), byStatus: z.record(z.string(), z.number()) })),
});
export type LoadResult = z.infer<typeof loadResult>;

/** First and last of consecutive sequence numbers, both included. */
const range = z.tuple([z.number(), z.number()]);

/** What a backend received of one stream: by its own count, not by what the sender says. */
export const loadLedger = z.object({
  /** Requests with different sequence numbers. */
  received: z.number(),
  /** Requests beyond the first with their number: something on the way sent them again. */
  repeated: z.number(),
  /** Numbers below the last one received that never came; the first hundred runs of them. */
  gaps: z.array(range),
  /** By the status they were answered with. */
  answered: z.record(z.string(), z.number()),
  /** Requests whose connection ended before they were answered. */
  broken: z.number(),
  /** By the certificate of the caller's proxy: its SHA-256, as x-forwarded-client-cert names it; `none`. */
  certificates: z.record(z.string(), z.object({ requests: z.number(), firstAt: z.string(), lastAt: z.string() })),
  /** By the SPIFFE ID in the same header; `none`. */
  callers: z.record(z.string(), z.number()).default({}),
});
export type LoadLedger = z.infer<typeof loadLedger>;

/** One stream of a load, with what each witness says of it. */
export const loadEvidence = z.object({
  /** `LOAD` or, when it has several streams, `LOAD-STREAM`. */
  name: z.string(),
  /** Namespace it was sent from. */
  from: z.string(),
  url: z.string(),
  /** What the load generator says; absent when it said nothing. */
  client: loadResult.optional(),
  /** By the workload whose backend keeps account. */
  ledgers: z.record(z.string(), loadLedger).default({}),
  /** Witnesses that were asked and did not answer, with the reason. */
  silent: z.array(z.object({ witness: z.string(), reason: z.string() })).default([]),
});
export type LoadEvidence = z.infer<typeof loadEvidence>;
