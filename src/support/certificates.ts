import { z } from 'zod';
import { loadEvidence } from '#support/load-evidence.ts';

/**
 * What is recorded of certificates over time. Each source is kept as the runs of what it said: a renewal is where one
 * run ends and the next begins, and a proxy that was asked a hundred times takes a line a generation.
 */

/** A leaf certificate. `serial` is lower-case hex without leading zeros, whoever wrote it; times are ISO 8601. */
export const leaf = z.object({
  serial: z.string(),
  notBefore: z.string(),
  notAfter: z.string(),
  /** SPIFFE IDs among its subject alternative names. */
  uris: z.array(z.string()).default([]),
  issuer: z.string().optional(),
  /** SHA-256 of the DER form, lower-case hex: what Envoy writes as `Hash=` into x-forwarded-client-cert. */
  fingerprint: z.string().optional(),
});
export type Leaf = z.infer<typeof leaf>;

/** From the first look that saw a thing to the last one that did. */
const run = { first: z.string(), last: z.string(), looks: z.number() };

/** The secret as Envoy's `/config_dump` shows it. Version and last-updated are kept to be shown, never as evidence. */
export const dumpRun = z.object({
  ...run,
  leaf: leaf.optional(),
  version: z.string().optional(),
  lastUpdated: z.string().optional(),
  /** What Envoy says of an update that it did not take. */
  rejected: z.string().optional(),
  /** No root of the bundle that was delivered beside it signed it: peers with that bundle refuse it. */
  untrusted: z.literal(true).optional(),
});
/** All leaf entries of `/certs` at one look: serial to the number of TLS contexts that hold it. */
export const certsRun = z.object({
  ...run,
  entries: z.record(z.string(), z.number()),
  /** Of the entry that ends first. */
  notAfter: z.string().optional(),
  /** The day-grained figure beside it. */
  daysUntilExpiration: z.number().optional(),
});
/** What a fresh TLS handshake against the pod was served. */
export const handshakeRun = z.object({
  ...run,
  outcome: z.string(),
  leaf: leaf.optional(),
});
/** The trust bundle in force: serials of its roots. */
export const bundleRun = z.object({ ...run, roots: z.array(z.string()) });

/** A leaf that the issuer says it signed. */
export const issuance = leaf.extend({ at: z.string(), reason: z.string() });
/** A counter or gauge: only where its value changed, as seconds since the start of the course. */
export const series = z.object({ stat: z.string(), points: z.array(z.tuple([z.number(), z.number()])) });

export const sources = ['issuer', 'dump', 'certs', 'handshake'] as const;
/** The four places in which a certificate can be read. */
export type CertificateSource = (typeof sources)[number];

/** A stream of a proxy to an outside issuer. */
export const stream = z.object({
  openedAt: z.string(),
  closedAt: z.string().optional(),
  requested: z.array(z.string()),
  replies: z.number(),
  /** Last version that was acknowledged, by secret. */
  acknowledged: z.record(z.string(), z.string()),
});

/** One proxy and its secret `default` over a course, by four sources. */
export const proxyCourse = z.object({
  workload: z.string(),
  namespace: z.string(),
  pod: z.string(),
  /** Version of its Envoy: `1.40.0`. */
  envoy: z.string().optional(),
  /** Whom it should be known as: its certificates must name `/ns/<namespace>/sa/<serviceAccount>`. */
  serviceAccount: z.string().optional(),
  /** When its Envoy was started. */
  startedAt: z.string().optional(),
  /** TLS contexts with a certificate that no SDS feeds: `listener virtualInbound`. */
  pinned: z
    .array(z.object({ context: z.string(), serial: z.string().optional(), file: z.string().optional() }))
    .optional(),
  issuer: z.array(issuance),
  /** When its agent says that Istio's own CA signed for it; that CA keeps no log of serials. */
  signings: z.array(z.string()).default([]),
  dump: z.array(dumpRun),
  certs: z.array(certsRun),
  handshake: z.array(handshakeRun),
  bundle: z.array(bundleRun).default([]),
  /** Streams to the outside issuer, as that one tells of them. */
  streams: z.array(stream).default([]),
  counters: z.array(series).default([]),
  /** Sources that gave nothing, with what was last seen of them. */
  silent: z.array(z.object({ source: z.string(), reason: z.string() })).default([]),
});
export type ProxyCourse = z.infer<typeof proxyCourse>;

/** Calls of one kind between two workloads: what the client saw, in runs. */
export const callCourse = z.object({
  from: z.string(),
  to: z.string(),
  /** `fresh` opens an upstream connection for each call, `keep-alive` uses those that are open. */
  connection: z.enum(['fresh', 'keep-alive']),
  runs: z.array(
    z.object({
      ...run,
      /** HTTP status; 0 when none came. */
      status: z.number(),
      outcome: z.string(),
      /** Response flags of the caller's proxy. */
      flags: z.string().optional(),
      /** Its upstream transport failure reason. */
      failure: z.string().optional(),
    }),
  ),
});
export type CallCourse = z.infer<typeof callCourse>;

/** A stretch of time in which proxies were watched, and what was done to them. */
export const course = z.object({
  start: z.string(),
  end: z.string(),
  /** Validity after issuance, in seconds; the backdating comes on top. */
  lifetimeSeconds: z.number(),
  proxies: z.array(proxyCourse),
  calls: z.array(callCourse).default([]),
  /** What was sent throughout, with what each witness says of it. */
  loads: z.array(loadEvidence).default([]),
  /** What the harness did, and what the issuer told: mode switched, restarted, stream lost. */
  events: z.array(z.object({ at: z.string(), workload: z.string(), what: z.string(), detail: z.string().default('') })),
});
export type Course = z.infer<typeof course>;

/** Serial numbers as every source is compared by: lower-case hex, no colons, no leading zeros. */
export function plainSerial(text: string): string {
  return text
    .replaceAll(':', '')
    .toLowerCase()
    .replace(/^0+(?=.)/, '');
}
