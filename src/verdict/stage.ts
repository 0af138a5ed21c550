import { randomBytes } from 'node:crypto';
import type { CallRequest, FaultScript } from '#fixtures/server/protocol.ts';
import type { IdpScript } from '#fixtures/server/protocol-idp.ts';
import { productName } from '#install/channel.ts';
import { statusOf, type Manifest } from '#lab/cluster.ts';
import { callFrom } from '#probe/caller.ts';
import type { Course } from '#support/certificates.ts';
import { messageOf, NotReadyError } from '#support/errors.ts';
import { evidenceSchemaVersion, type ClientOutcome, type Evidence, type ProbeEvidence } from '#support/evidence.ts';
import type { Check, Twin } from '#verdict/check.ts';
import { runCourse } from '#verdict/course/course.ts';
import type { CourseScript } from '#verdict/course/script.ts';
import { countersAround } from '#verdict/count.ts';
import { gatherWitnesses } from '#verdict/gather.ts';
import { restarted } from '#verdict/scene.ts';
import { StagedLoad, type LoadPlan } from '#verdict/staged-load.ts';
import { StageReading, type StageParts } from '#verdict/stage-reading.ts';
import { enforced, lookBefore, settle } from '#verdict/settle.ts';
import { visitAs, type VisitPlan } from '#verdict/visits.ts';

/** One call that a check makes. What is left out is the caller's default; the probe's id is ours. */
export interface CallPlan extends Omit<CallRequest, 'id'> {
  /** The workload that calls. */
  from: string;
  /** The workload or Service that is meant to answer, as reports name it. */
  to: string;
  /** A control is the same call, allowed on the same path. Default: subject. */
  role?: ProbeEvidence['role'];
  /** Endings of counters to read around the call, by the workload whose proxy counts. */
  counters?: Record<string, string[]>;
}

/** What a check acts on: its scene, its own objects, and the witnesses. One stage is one collection of evidence. */
export class Stage extends StageReading {
  readonly #check: Check;
  readonly #twin: Twin | undefined;
  readonly #applied: Manifest[] = [];
  readonly #probes: ProbeEvidence[] = [];
  readonly #facts: Evidence['facts'] = {};
  readonly #loads: Evidence['loads'] = [];
  readonly #misbehaving = new Set<string>();
  readonly #attempt: number;
  readonly #freeze: (() => Promise<void>) | undefined;
  #frozen = false;
  #sharedMs = 0;

  constructor(
    parts: StageParts & {
      check: Check;
      /** Counts from 1. A second one lives through a course of its own. */
      attempt?: number;
      /** Dumps the scene while it shows what is being judged. */
      freeze?: () => Promise<void>;
    },
  ) {
    super(parts);
    this.#check = parts.check;
    this.#twin = parts.twin;
    this.#attempt = parts.attempt ?? 1;
    this.#freeze = parts.freeze;
  }

  /** Waits until nothing that an earlier check applied is enforced any more. */
  async open(): Promise<void> {
    if (this.hasScene) await enforced(this.scene, this.#uses, this.signal);
  }

  /** Applies the documents of a step, and waits until every proxy enforces them. */
  async apply(...steps: string[]): Promise<void> {
    return this.applyObjects(steps.flatMap((step) => this.documents(step)));
  }

  /** Applies objects that the check had from elsewhere as those of a step: until every proxy enforces them. */
  async applyObjects(objects: readonly Manifest[]): Promise<void> {
    const before = await lookBefore(this.scene, this.#uses, objects, this.signal);
    this.#applied.push(...objects);
    await this.scene.apply(objects, this.signal);
    await settle(this.scene, this.#uses, objects, before, this.signal);
  }

  /**
   * Applies the documents of a step that the API server is expected to refuse.
   *
   * @returns its words; undefined when it took them, and then they are in force
   */
  async refusal(step: string): Promise<string | undefined> {
    return this.apply(step).then(
      () => undefined,
      (error: unknown) => {
        if (statusOf(error) !== 422) throw error;
        return messageOf(error);
      },
    );
  }

  /** Takes the documents of a step away again, and waits until no proxy enforces them. */
  async remove(...steps: string[]): Promise<void> {
    const objects = steps.flatMap((step) => this.documents(step));
    const before = await lookBefore(this.scene, this.#uses, objects, this.signal);
    await this.scene.cluster.remove(objects, this.signal);
    this.#applied.splice(0, this.#applied.length, ...this.#applied.filter((each) => !objects.includes(each)));
    await settle(this.scene, this.#uses, objects, before, this.signal);
  }

  /** Puts the documents of one step in the place of another's, and waits once, until every proxy enforces just these. */
  async replace(old: string, next: string): Promise<void> {
    const objects = this.documents(next);
    const gone = this.documents(old);
    const before = await lookBefore(this.scene, this.#uses, [...gone, ...objects], this.signal);
    this.#applied.push(...objects);
    await this.scene.apply(objects, this.signal);
    await this.scene.cluster.remove(gone, this.signal);
    this.#applied.splice(0, this.#applied.length, ...this.#applied.filter((each) => !gone.includes(each)));
    await settle(this.scene, this.#uses, [...gone, ...objects], before, this.signal);
  }

  /**
   * The shape of every denial: the control calls, then the subject under a step's objects, then the control calls again,
   * named `<name>-before` and `<name>-after`.
   *
   * @param steps `under`: what the subject stands under; `back`: what is applied in its place afterwards, else it is removed
   */
  async between(
    steps: { under: string; back?: string },
    controls: Record<string, CallPlan>,
    subject: () => Promise<unknown>,
  ): Promise<void> {
    const controlled = (when: string) =>
      Promise.all(
        Object.entries(controls).map(([name, plan]) => this.call(`${name}-${when}`, { ...plan, role: 'control' })),
      );
    await controlled('before');
    await this.apply(steps.under);
    await subject();
    await this.freeze();
    await (steps.back === undefined ? this.remove(steps.under) : this.apply(steps.back));
    await controlled('after');
  }

  /** Makes one call and tells what the client saw. Its other witnesses are gathered when the check has ended. */
  async call(name: string, plan: CallPlan): Promise<ClientOutcome> {
    const { from, to, role = 'subject', counters = {}, ...request } = plan;
    const { method = 'GET', url, headers = {} } = request;
    const { id, end } = this.#begin({ name, role, from, to, request: { method, url, headers } });
    const caller = await this.scene.fixture(from);
    const act = () => callFrom(caller, { ...request, id }, this.signal);
    const { outcome, ...counted } = await countersAround(this.scene, counters, act, this.signal);
    end({ client: outcome, ...counted });
    return outcome;
  }

  /** Sends a browser on its way, and tells how its last request ended. That is the probe; its earlier hops are evidence. */
  async visit(name: string, plan: VisitPlan): Promise<ClientOutcome> {
    const { from, to, role = 'subject', url, counters = {} } = plan;
    const { id, end } = this.#begin({ name, role, from, to, request: { method: 'GET', url, headers: {} } });
    const { jars, browser } = this;
    const act = () => visitAs(this.scene, plan, { id, jars, browser }, this.signal);
    const { outcome, ...counted } = await countersAround(this.scene, counters, act, this.signal);
    const { visit, last } = outcome;
    end({ id: last.id, client: last, visit, ...counted });
    return last;
  }

  /**
   * Does many calls and records how far counters moved over all of them, as a fact: `{ "<workload>": { "<stat>": delta } }`.
   *
   * @param wanted endings of counters, by the workload whose proxy counts
   */
  async counting(name: string, wanted: Record<string, string[]>, act: () => Promise<unknown>): Promise<void> {
    const { counters } = await countersAround(this.scene, wanted, act, this.signal);
    const moved: Record<string, Record<string, number>> = {};
    for (const { proxy, stat, before, after } of counters)
      moved[proxy.workload] = { ...moved[proxy.workload], [stat]: after - before };
    this.record(name, moved);
  }

  /**
   * Lives through a course with the other checks of the scene, or takes what it was if it is over. Records it as the fact
   * `course`, with nothing but these workloads in it.
   */
  async course(script: CourseScript, workloads: readonly string[]): Promise<Course> {
    const scene = this.scene;
    const key = `${script.name} ${this.#attempt}`;
    const running = scene.courses.get(key) ?? runCourse(scene, script, this.names, this.signal);
    scene.courses.set(key, running);
    const start = performance.now();
    const whole = await running;
    const lengthMs = Date.parse(whole.end) - Date.parse(whole.start);
    this.#sharedMs += Math.max(0, lengthMs - (performance.now() - start));
    const own = (name: string): boolean => workloads.includes(name);
    const { loads, ...rest } = whole;
    this.#loads.push(...loads.filter((each) => Object.keys(each.ledgers).some(own)));
    const part: Course = {
      ...rest,
      loads: [],
      proxies: whole.proxies.filter(({ workload }) => own(workload)),
      calls: whole.calls.filter(({ from, to }) => own(from) && own(to)),
      events: whole.events.filter(({ workload }) => own(workload)),
    };
    this.record('course', part as unknown as Evidence['facts'][string]);
    return part;
  }

  /** The rollout restart of operators, for Deployments that a step of the check applied; it goes on when this returns. */
  async restartStep(step: string): Promise<void> {
    const deployments = this.documents(step).filter(({ kind }) => kind === 'Deployment');
    await this.scene.cluster.apply(deployments.map(restarted), this.signal);
  }

  /** The rollout restart of operators, for workloads of the scene. */
  async restart(...workloads: string[]): Promise<void> {
    await Promise.all(workloads.map((each) => this.scene.restart(each, this.signal)));
  }

  /**
   * Starts streams of requests at constant rates from inside the cluster, which go on while the check acts. Leaving its scope
   * removes the load: `await using load = await stage.load({…})`. The check lists the part `k6-image`.
   */
  async load(plan: LoadPlan): Promise<StagedLoad> {
    return StagedLoad.start(this.scene, this.names, plan, this.signal, (each) => this.#loads.push(...each));
  }

  /** Has the backend or the provider of a workload answer as a script says, until the check has ended. */
  async misbehave(workload: string, script: FaultScript | IdpScript): Promise<void> {
    this.#misbehaving.add(workload);
    const backend = await this.scene.fixture(workload);
    const request = { method: 'PUT' as const, body: { ...script }, signal: this.signal };
    const { status, body } = await backend.request('/script', request);
    if (status !== 200) throw new NotReadyError(`${workload} does not take the script: ${body.trim()}`);
  }

  /** Time of courses that other checks had waited for already, in milliseconds: this one's evidence took it all the same. */
  get sharedMs(): number {
    return this.#sharedMs;
  }

  /** Records what is no probe: an object listing, an admin page, the output of a command. Plain JSON. */
  record(name: string, value: Evidence['facts'][string]): void {
    this.#facts[name] = value;
  }

  /** Dumps the scene as it is now, if this run of the check is one that is dumped. Happens once. */
  async freeze(): Promise<void> {
    if (this.#frozen || !this.#freeze) return;
    this.#frozen = true;
    await this.#freeze();
  }

  /** Asks all witnesses about all calls, and gives everything that was collected. */
  async evidence(capabilities: readonly string[]): Promise<Evidence> {
    const scene = this.hasScene ? this.scene : undefined;
    return {
      schema: evidenceSchemaVersion,
      check: this.#check.id,
      ...(this.#twin && { twin: this.#twin.name }),
      collectedAt: new Date().toISOString(),
      ...(scene && { product: productName(scene.plan.channel) }),
      names: this.names,
      params: {},
      capabilities: [...capabilities],
      probes: scene ? await gatherWitnesses(scene, this.#uses, this.#probes, this.signal) : [],
      loads: this.#loads,
      facts: this.#facts,
    };
  }

  /** Removes what the check applied and did not remove itself, in reverse. */
  async close(): Promise<void> {
    const behave = [...this.#misbehaving].map(async (workload) =>
      (await this.scene.fixture(workload)).request('/script', { method: 'DELETE' }),
    );
    await Promise.all(behave);
    const left = this.#applied.splice(0);
    if (left.length === 0) return;
    const before = await lookBefore(this.scene, this.#uses, left);
    await this.scene.cluster.remove(left);
    await settle(this.scene, this.#uses, left, before);
  }

  /** Takes a probe's place before anything is sent, so that what is done side by side keeps its order. */
  #begin(plan: Pick<ProbeEvidence, 'name' | 'role' | 'from' | 'to' | 'request'>) {
    const id = `mw-${this.#check.id.toLowerCase()}-${randomBytes(5).toString('hex')}`;
    const order = this.#probes.length;
    const probe = { ...plan, id, order, silent: [] };
    this.#probes.push({ ...probe, client: { id, outcome: 'timeout', timingsMs: { total: 0 } } });
    const end = (seen: Partial<ProbeEvidence> & Pick<ProbeEvidence, 'client'>): void => {
      this.#probes[order] = { ...probe, ...seen };
    };
    return { id, end };
  }

  get #uses(): readonly string[] {
    return this.#check.uses ?? [];
  }
}
