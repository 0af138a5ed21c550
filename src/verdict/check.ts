import type { IstioChannel } from '#install/istio-manifests.ts';
import type { Evidence } from '#support/evidence.ts';
import type { Stage } from '#verdict/stage.ts';
import type { Expectation, FactExpectation, LoadExpectation } from '#verdict/expectation.ts';
import type { Finding } from '#verdict/result.ts';

export const levels = ['core', 'extended', 'roadmap'] as const;
export type Level = (typeof levels)[number];

/** The systems under test, as the suites' folders name them. */
export const systems = [
  'gateway-switch',
  'istio-mesh',
  'cert-reload',
  'oauth-allowlist',
  'consul-federation',
  'budgets',
  'config-lint',
  'harness',
] as const;
export type System = (typeof systems)[number];

/** What a reader is told about a check: four sentences, in the words of the field. */
export interface Story {
  setUp: string;
  sends: string;
  expects: string;
  why: string;
}

/** What a twin may change: a URL, a workload, a step's name. */
export type Params = Record<string, string>;

/**
 * A sabotaged set-up, in which the check must turn red for the stated reason. Its documents stand in the check's own
 * YAML, labelled `meshwitness.dev/twin: <name>`, and take the place of those of the same kind and name.
 */
export interface Twin<P extends Params = Params> {
  name: string;
  /** What is sabotaged, in one sentence. */
  sabotage: string;
  /** Name of the expectation that must break: `matched-cluster`. */
  breaks: string;
  /** The probe on which it must break. Without it: any. */
  on?: string;
  /** Nothing but this probe's expectations may break: the sabotage reaches no further. */
  only?: boolean;
  params?: Partial<P>;
}

/** One named check: what is set up, what is sent, what every witness must say, and the twins that must turn it red. */
export interface Check<P extends Params = Params> {
  id: string;
  /** One line, as `list` shows it. */
  title: string;
  level: Level;
  system: System;
  tags: readonly string[];
  /** Capabilities without which nothing can be decided: `istio-proxy`. */
  needs: readonly string[];
  story: Story;
  /** Folder of fixtures/manifests whose workloads it stands on; without one the check brings its own lab. */
  scene?: string;
  /** Which files of that scene it needs; the scene of a run holds what its checks need together. */
  uses?: readonly string[];
  /** Files of the scene whose documents it applies as if they stood in its own YAML, which may patch them. */
  applies?: readonly string[];
  /**
   * Images of kind/versions.yaml that its own objects run, beyond what every node has preloaded: `k6-image`. They are made and
   * brought into the nodes only for a run that asks. Its manifests call each by the name of the part: `${k6-image}`.
   */
  parts?: readonly string[];
  /** Programs of kind/versions.yaml that it runs on this machine: `sops`. Made before the run, so that no check waits for them. */
  tools?: readonly string[];
  /** Which control planes decide it. Default: all that the run asks for. */
  channels?: readonly IstioChannel[];
  /** Changes what others rely on, or runs the harness itself: runs alone, after the others. */
  alone?: boolean;
  /** The state that a pass proves, where that is not simply "works". */
  label?: string;
  params?: P;
  collect: (stage: Stage, params: P) => Promise<void>;
  /** Pure: the same evidence gives the same findings, with or without a cluster. */
  judge: (seen: Seen<P>) => (Finding | Finding[])[];
  twins: readonly Twin<P>[];
}

/** Evidence as a judge reads it. */
export interface Seen<P extends Params = Params> {
  evidence: Evidence;
  /** The check's parameters as they were in this run: a twin's, where it has its own. */
  params: P;
  /** What the manifests' placeholders stood for: `${namespace}`. */
  names: Record<string, string>;
  /** Weighs one probe; a probe that was never made is a missing witness. */
  probe: (name: string, ...expectations: Expectation[]) => Finding[];
  /** Weighs every probe whose name starts so; none at all is a missing witness. */
  probes: (prefix: string, ...expectations: Expectation[]) => Finding[];
  /** Weighs one recorded fact. */
  fact: (name: string, expectation: FactExpectation) => Finding[];
  /** Weighs one stream of a load; one that was never sent is a missing witness. */
  load: (name: string, ...expectations: LoadExpectation[]) => Finding[];
}

/** States a check; the type of its parameters follows from `params`. */
export function check<P extends Params = Params>(definition: Check<P>): Check {
  return definition as unknown as Check;
}
