import type { LoadPlan } from '#verdict/staged-load.ts';

/** What the harness does to one workload in a course, at a time given in lifetimes since the start. */
export interface Step {
  at: number;
  workload: string;
  act: Act;
}

export type Act =
  /** Has the issuer treat the workload so from now on. */
  | { mode: string }
  /** A step of a rotation of roots, for the workload's trust group. */
  | { trust: 'add-root' | 'sign-with-new' | 'drop-old'; group: string }
  /** The rollout restart that operators reach for. */
  | { restart: true }
  /** Suspends the whole node, issuer and proxies, for so many lifetimes. */
  | { suspend: number }
  /** Steps the clock of the outside issuer by so many lifetimes. */
  | { clock: number }
  /** Takes the ServiceAccount away, so that istiod refuses to sign for it. */
  | { refuse: true };

/** One kind of call, made once a second over both an open and a fresh upstream connection. */
export interface CallLane {
  from: string;
  to: string;
}

/** Requests that k6 sends throughout a course, where all the workloads are there that it needs. */
export interface CourseLoad {
  needs: readonly string[];
  /** The name that the outside issuer knows the sender by, where it is one of its identities. */
  identity?: string;
  plan: (names: Readonly<Record<string, string>>) => Omit<LoadPlan, 'durationMs'>;
}

/** A stretch of time in which the workloads of a scene are watched. The same for every check that judges it. */
export interface CourseScript {
  name: string;
  /** Validity of a certificate, in seconds, as the scene's manifests set it. */
  lifetimeSeconds: number;
  /** Length, in lifetimes. */
  lifetimes: number;
  /** The workload that runs the issuer, and the one that makes handshakes from outside the mesh. */
  issuer: string;
  handshaker: string;
  /** Workloads whose certificates the issuer signs; others are Istio's own CA's. */
  external: readonly string[];
  builtIn: readonly string[];
  /** Trust group of the workloads that are not of the main one. */
  groups: Readonly<Record<string, string>>;
  calls: readonly CallLane[];
  steps: readonly Step[];
  loads: readonly CourseLoad[];
}

/** What of a script concerns the workloads that are there: a run of one check deploys only its own. */
export function scriptFor(script: CourseScript, present: ReadonlySet<string>): CourseScript {
  const here = (workload: string): boolean => present.has(workload);
  return {
    ...script,
    external: script.external.filter(here),
    builtIn: script.builtIn.filter(here),
    calls: script.calls.filter(({ from, to }) => here(from) && here(to)),
    steps: script.steps.filter(({ workload }) => here(workload)).toSorted((a, b) => a.at - b.at),
    loads: script.loads.filter(({ needs }) => needs.every(here)),
  };
}
