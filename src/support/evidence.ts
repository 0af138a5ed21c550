import { z } from 'zod';
import { loadEvidence } from '#support/load-evidence.ts';
import { visitEvidence } from '#support/visit-evidence.ts';

/** Raised with every change that an older reader would misread; `replay` refuses any other number. */
export const evidenceSchemaVersion = 1;

const address = z.object({ address: z.string(), port: z.number() });

/** How a call ended, from the client's side. Every way of failing is its own word: a denial is never "some error". */
export const outcomeKinds = [
  'response', // an HTTP status line arrived
  'refused', // TCP connect answered by RST
  'reset', // established connection was reset
  'closed', // peer closed the connection before a whole response
  'timeout', // deadline ran out
  'dns', // the name did not resolve
  'tls', // handshake failed
  'unreachable', // no route to host or network
] as const;

export const clientOutcome = z.object({
  id: z.string(),
  outcome: z.enum(outcomeKinds),
  status: z.number().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  body: z.string().optional(),
  httpVersion: z.string().optional(),
  timingsMs: z.object({
    dns: z.number().optional(),
    connect: z.number().optional(),
    tls: z.number().optional(),
    firstByte: z.number().optional(),
    total: z.number(),
  }),
  local: address.optional(),
  remote: address.optional(),
  tls: z
    .object({
      protocol: z.string(),
      cipher: z.string().optional(),
      serial: z.string(),
      notBefore: z.string(),
      notAfter: z.string(),
      subjectAltNames: z.array(z.string()),
      issuer: z.string().optional(),
      // Not in recordings made before the outside issuer.
      fingerprint: z.string().optional(),
      chain: z
        .array(z.object({ subject: z.string(), issuer: z.string(), serial: z.string(), notAfter: z.string() }))
        .optional(),
    })
    .optional(),
  error: z
    .object({
      code: z.string(),
      message: z.string(),
      phase: z.enum(['dns', 'connect', 'tls', 'request', 'response']),
    })
    .optional(),
});
export type ClientOutcome = z.infer<typeof clientOutcome>;

/** One line of a proxy's JSON access log, with the format of fixtures/manifests; `-` fields are left out. */
export const accessLogEntry = z.object({
  startTime: z.string(),
  probeId: z.string().optional(),
  method: z.string().optional(),
  path: z.string().optional(),
  authority: z.string().optional(),
  protocol: z.string().optional(),
  responseCode: z.number(),
  responseFlags: z.string().optional(),
  responseCodeDetails: z.string().optional(),
  connectionTerminationDetails: z.string().optional(),
  upstreamTransportFailureReason: z.string().optional(),
  upstreamCluster: z.string().optional(),
  upstreamHost: z.string().optional(),
  upstreamLocalAddress: z.string().optional(),
  downstreamLocalAddress: z.string().optional(),
  downstreamRemoteAddress: z.string().optional(),
  requestedServerName: z.string().optional(),
  routeName: z.string().optional(),
  downstreamPeerUriSan: z.string().optional(),
  downstreamTlsVersion: z.string().optional(),
  attemptCount: z.number().optional(),
  durationMs: z.number().optional(),
});
export type AccessLogEntry = z.infer<typeof accessLogEntry>;

/** A proxy that a witness speaks for. */
export const proxyRef = z.object({
  cluster: z.string(),
  namespace: z.string(),
  pod: z.string(),
  workload: z.string(),
  /** `source` is the caller's own proxy, `destination` the callee's. */
  side: z.enum(['source', 'destination']),
});
export type ProxyRef = z.infer<typeof proxyRef>;

/** What a backend really received: kept by the echo server, read outside the mesh. */
export const receipt = z.object({
  probeId: z.string(),
  pod: z.string(),
  method: z.string(),
  path: z.string(),
  httpVersion: z.string(),
  headers: z.record(z.string(), z.string()),
  peer: z.object({ uri: z.string().nullable(), address: z.string(), port: z.number() }),
  attempt: z.number(),
  bytes: z.number(),
  receivedAt: z.string(),
});
export type Receipt = z.infer<typeof receipt>;

/** One probe, and what each witness saw of it. An absent witness list means "not asked", an empty one "asked, saw nothing". */
export const probeEvidence = z.object({
  /** The step's name inside its check: `login-through-gateway`. */
  name: z.string(),
  /** `denial` needs a control; a `control` is the same call allowed on the same path. */
  role: z.enum(['subject', 'control']),
  id: z.string(),
  from: z.string(),
  to: z.string(),
  request: z.object({
    method: z.string(),
    url: z.string(),
    headers: z.record(z.string(), z.string()),
  }),
  /** Position among all calls of the check: a control must stand before and after what it vouches for. */
  order: z.number().default(0),
  client: clientOutcome,
  accessLog: z.array(z.object({ proxy: proxyRef, entry: accessLogEntry })).optional(),
  receipts: z.array(receipt).optional(),
  /** What a browser did on its way, where one was sent; `client` and `id` are then those of its last request. */
  visit: visitEvidence.optional(),
  /** Counter deltas over this probe, summed over the named proxy. */
  counters: z.array(z.object({ proxy: proxyRef, stat: z.string(), before: z.number(), after: z.number() })).optional(),
  /** Witnesses that were asked and did not answer in time, with what was last seen of them. */
  silent: z.array(z.object({ witness: z.string(), reason: z.string() })).default([]),
});
export type ProbeEvidence = z.infer<typeof probeEvidence>;

/** Everything one run of a check (or of one of its twins) collected: plain JSON, enough to judge it again offline. */
export const evidence = z.object({
  schema: z.literal(evidenceSchemaVersion),
  check: z.string(),
  twin: z.string().optional(),
  collectedAt: z.string(),
  /** Which control plane it was collected under: `istio-current`. */
  product: z.string().optional(),
  /** What the manifests' placeholders stood for in this run: `namespace`, `outside`, `revision`. */
  names: z.record(z.string(), z.string()).default({}),
  /** The check's parameters, with those of the twin in their place. */
  params: z.record(z.string(), z.string()).default({}),
  /** Capabilities present when it was collected. */
  capabilities: z.array(z.string()),
  probes: z.array(probeEvidence),
  /** Streams of requests at a constant rate. */
  loads: z.array(loadEvidence).default([]),
  /** What is no probe: object listings, `/clusters` pages, command outputs. Keys are the names that judges ask for. */
  facts: z.record(z.string(), z.json()),
});
export type Evidence = z.infer<typeof evidence>;
