import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { clientOutcome, type AccessLogEntry, type ClientOutcome } from '#support/evidence.ts';
import { timeouts } from '#support/timeouts.ts';
import type { CallCourse } from '#support/certificates.ts';
import type { CallLane } from '#verdict/course/script.ts';
import { Runs } from '#verdict/course/runs.ts';
import type { Scene } from '#verdict/scene.ts';

const answer = z.object({ outcomes: z.array(clientOutcome) });

interface Made {
  at: string;
  lane: CallLane;
  connection: CallCourse['connection'];
  outcome: ClientOutcome;
}

/** Makes the calls of a course: every lane over an open and over a fresh upstream connection, all of a caller in one batch. */
export class CourseCaller {
  readonly #scene: Scene;
  readonly #lanes: readonly CallLane[];
  readonly #made: Made[] = [];

  constructor(scene: Scene, lanes: readonly CallLane[]) {
    this.#scene = scene;
    this.#lanes = lanes;
  }

  /** One round. A caller that does not answer, as in a restart, makes no calls in it. */
  async round(signal: AbortSignal): Promise<void> {
    const byCaller = [...Map.groupBy(this.#lanes, ({ from }) => from)];
    await Promise.all(byCaller.map(([from, lanes]) => this.#callFrom(from, lanes, signal).catch(() => undefined)));
  }

  async #callFrom(from: string, lanes: readonly CallLane[], signal: AbortSignal): Promise<void> {
    const namespace = this.#scene.workload(from).namespace;
    const connections = ['keep-alive', 'fresh'] as const;
    const plans = lanes.flatMap((lane) =>
      connections.map((connection) => {
        const host = `${lane.to}${connection === 'fresh' ? '-fresh' : ''}.${namespace}.svc.cluster.local`;
        const id = `mw-course-${randomBytes(6).toString('hex')}`;
        return { lane, connection, request: { id, url: `http://${host}/`, timeoutMs: timeouts.courseCallMs } };
      }),
    );
    const caller = await this.#scene.fixture(from);
    const body = { calls: plans.map(({ request }) => request), concurrency: plans.length };
    const at = new Date().toISOString();
    const { outcomes } = answer.parse(await caller.json('/calls', { method: 'POST', body, signal }));
    for (const [index, outcome] of outcomes.entries()) {
      const plan = plans[index];
      if (plan) this.#made.push({ at, lane: plan.lane, connection: plan.connection, outcome });
    }
  }

  /** What came of the calls, each with the flags that the caller's proxy logged for it. */
  result(): CallCourse[] {
    const logged = new Map<string, AccessLogEntry>();
    for (const name of new Set(this.#lanes.map(({ from }) => from)))
      for (const entry of this.#scene.followers.get(name)?.find(({ probeId }) => probeId !== undefined) ?? [])
        if (entry.probeId !== undefined) logged.set(entry.probeId, entry);
    const kinds = [
      ...Map.groupBy(this.#made, ({ lane, connection }) => `${lane.from} ${lane.to} ${connection}`).values(),
    ];
    return kinds.flatMap((made) => {
      const [first] = made;
      if (!first) return [];
      const runs = new Runs<Omit<CallCourse['runs'][number], 'first' | 'last' | 'looks'>>();
      for (const { at, outcome } of made) runs.see(at, seenOf(outcome, logged.get(outcome.id)));
      return [{ ...first.lane, connection: first.connection, runs: runs.list }];
    });
  }
}

function seenOf({ status = 0, outcome }: ClientOutcome, entry: AccessLogEntry | undefined) {
  const { responseFlags: flags, upstreamTransportFailureReason: failure } = entry ?? {};
  return {
    status,
    outcome,
    ...(flags !== undefined && { flags }),
    ...(failure !== undefined && { failure: withoutNumbers(failure) }),
  };
}

/** Envoy appends where in its TLS library an error arose, which differs between calls that failed alike. */
const withoutNumbers = (reason: string): string => reason.replaceAll(/\|?\d{6,}/g, '').trim();
