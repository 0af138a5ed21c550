import type { Evidence, ProbeEvidence } from '#support/evidence.ts';
import type { LoadEvidence } from '#support/load-evidence.ts';
import type { Finding, WitnessKind } from '#verdict/result.ts';

/** Weighs what the witnesses of one probe said: a finding for each witness asked. Pure. */
export type Expectation = (probe: ProbeEvidence) => Finding[];
/** Weighs one recorded fact; `value` is undefined when it was never recorded. Pure. */
export type FactExpectation = (name: string, value: Evidence['facts'][string] | undefined) => Finding;
/** Weighs one stream of a load. Pure. */
export type LoadExpectation = (load: LoadEvidence) => Finding[];

/** One thing that a witness was asked, before it answered. */
export interface Question {
  /** Stable name, as twins and reports name it: `matched-cluster`. */
  expectation: string;
  kind: WitnessKind;
  /** Who speaks: a workload, a pod, a client. */
  from: string;
  expected: string;
}

/** The witness said what was expected, or something else. */
export function answer(question: Question, met: boolean, seen: string): Finding {
  return finding(question, met ? 'met' : 'broken', seen);
}

/** The witness said nothing: no verdict can rest on that. */
export function missing(question: Question, why: string): Finding {
  return finding(question, 'missing', why);
}

function finding({ expectation, kind, from, expected }: Question, state: Finding['state'], seen: string): Finding {
  return { expectation, state, witness: { kind, from }, expected, seen, control: false };
}
