import { z } from 'zod';

/** Raised with every change of a verdict line that an older reader would misread. */
export const verdictSchemaVersion = 1;

export const verdicts = ['pass', 'fail', 'inconclusive', 'unsupported', 'roadmap'] as const;
export type Verdict = (typeof verdicts)[number];

export const witnessKinds = [
  'client', // what the caller saw
  'source-log', // access log of the caller's proxy
  'destination-log', // access log of the callee's proxy
  'counter', // delta of an Envoy counter
  'receipt', // what the backend received, or that it received nothing
  'provider', // what an identity provider wrote down of a visit
  'certificate', // a certificate fact
  'object', // an object of the API server
  'process', // a command of the harness: exit code and output
] as const;
export type WitnessKind = (typeof witnessKinds)[number];

/** Label of a failure that lets everybody in. */
export const failsOpen = 'fails open';

/** One thing that one witness said about one expectation. */
export const finding = z.object({
  /** Stable name of the expectation, as twins and reports name it: `matched-cluster`. */
  expectation: z.string(),
  state: z.enum(['met', 'broken', 'missing']),
  witness: z.object({ kind: z.enum(witnessKinds), from: z.string() }),
  probe: z.string().optional(),
  expected: z.string(),
  seen: z.string(),
  control: z.boolean().default(false),
});
export type Finding = z.infer<typeof finding>;

/** A line of `verdicts.ndjson`. A twin's line carries `twin`, and its verdict is `caught` or `missed`. */
export const verdictLine = z.object({
  schema: z.literal(verdictSchemaVersion),
  id: z.string(),
  twin: z.string().optional(),
  verdict: z.enum([...verdicts, 'caught', 'missed']),
  /** One sentence; for anything but a pass it names the expectation that broke and who saw it. */
  reason: z.string(),
  /** What a person should call the state, when that is not simply "works" or "broken": `works but unencrypted`, `fails open`. */
  label: z.string().optional(),
  unstable: z.boolean(),
  /** Why earlier attempts did not count, in their order. */
  earlier: z.array(z.string()).optional(),
  witnesses: z.array(z.object({ kind: z.enum(witnessKinds), from: z.string(), summary: z.string() })),
  findings: z.array(finding),
  attempts: z.number(),
  /** What it takes by itself: waiting that it shared with other checks is in it for each of them. */
  durationMs: z.number(),
  /** Path of the evidence file, relative to the run folder. */
  evidence: z.string().optional(),
  /** Path of the dump folder, relative to the run folder, when one was taken. */
  dump: z.string().optional(),
  /** Which control plane decided it: `istio-current`. Lines of one check under two versions differ here. */
  product: z.string().optional(),
});
export type VerdictLine = z.infer<typeof verdictLine>;

/** A product or tool of the run, and where it came from. */
export const productRecord = z.object({
  part: z.string(),
  version: z.string(),
  origin: z.enum(['pull', 'build', 'existing']),
  /** Image reference or tool file name. */
  reference: z.string(),
  digest: z.string().optional(),
  module: z.string().optional(),
});

/** `run.json` of a report folder. */
export const runRecord = z.object({
  schema: z.literal(1),
  run: z.string(),
  command: z.string(),
  start: z.string(),
  end: z.string().optional(),
  exitCode: z.number().optional(),
  topology: z.string(),
  provider: z.string(),
  /** Issuer of the user's OpenID provider that logins went to. */
  identityProvider: z.string().optional(),
  products: z.array(productRecord),
  capabilities: z.record(z.string(), z.array(z.string())),
  machine: z.object({
    os: z.string(),
    kernel: z.string(),
    cpus: z.number(),
    memoryMiB: z.number(),
    node: z.string(),
    engine: z.string(),
    /** What made the visits of login checks, with its version, when it was not the fixture's browser. */
    browser: z.string().optional(),
  }),
  killScore: z.object({ caught: z.number(), total: z.number() }).optional(),
  /** The most memory that the harness itself took, in MiB; its clusters not counted. */
  peakMemoryMiB: z.number().optional(),
  timings: z.array(z.object({ step: z.string(), durationMs: z.number() })),
  /** Static description of every check in the run, so that reports need no code: by id. */
  checks: z.record(
    z.string(),
    z.object({
      title: z.string(),
      system: z.string(),
      level: z.enum(['core', 'extended', 'roadmap']),
      tags: z.array(z.string()),
      needs: z.array(z.string()),
      story: z.object({
        setUp: z.string(),
        sends: z.string(),
        expects: z.string(),
        why: z.string(),
      }),
      twins: z.array(z.object({ name: z.string(), breaks: z.string() })),
      reproduce: z.string(),
      /** The YAML that the check applies, for the reader. */
      manifest: z.string().optional(),
    }),
  ),
  /** Differences between product versions for the same check, in words. */
  differences: z.array(z.object({ id: z.string(), text: z.string() })).default([]),
});
export type RunRecord = z.infer<typeof runRecord>;
