import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { plainSerial, type Course } from '#support/certificates.ts';
import { clientOutcome } from '#support/evidence.ts';
import type { LoadEvidence } from '#support/load-evidence.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';
import { Issuer, type ClientCertificate } from '#witness/issuer.ts';
import { act, beginLifetimes, undo } from '#verdict/course/acts.ts';
import { CourseCaller } from '#verdict/course/caller.ts';
import type { Ground } from '#verdict/course/ground.ts';
import { ProxyWatch } from '#verdict/course/proxy-watch.ts';
import { proxiesOf, toldBy } from '#verdict/course/results.ts';
import { scriptFor, type CourseLoad, type CourseScript, type Step } from '#verdict/course/script.ts';
import { StagedLoad } from '#verdict/staged-load.ts';
import type { Scene } from '#verdict/scene.ts';

/** Looks at every source, this often in a lifetime: a renewal at half of it is seen within a fifteenth. */
const looksPerLifetime = 15;
/** Of the handshaker's own certificate: what it proves at the end of a course is that its root is no longer trusted. */
const handshakerSeconds = 3_600;
/** Share of a lifetime that may be over when a course starts, for its times to hold. */
const latestStart = 0.08;
/** A machine that needs longer three times over is too slow for this lifetime: the judges will say so. */
const mostPushes = 3;
const answer = z.object({ outcomes: z.array(clientOutcome) });

/**
 * Lives through a script once, and tells what every source said of every proxy on the way. All waiting of the checks that judge
 * it is in here: they stand beside each other in one course.
 *
 * @param names what placeholders stand for, those of the images of loads among them
 * @throws NotReadyError when not every proxy starts with a certificate signed a moment ago
 */
export async function runCourse(
  scene: Scene,
  wanted: CourseScript,
  names: Record<string, string>,
  signal: AbortSignal,
): Promise<Course> {
  const script = scriptFor(wanted, new Set(scene.workloads.keys()));
  const issuer = script.external.length > 0 ? new Issuer(await scene.fixture(script.issuer), signal) : undefined;
  const running = new RunningCourse({ scene, script, signal, ...(issuer && { issuer }) }, names);
  await running.prepare();
  return running.run();
}

class RunningCourse {
  readonly #ground: Ground;
  readonly #names: Record<string, string>;
  readonly #watches: ProxyWatch[];
  readonly #caller: CourseCaller;
  readonly #certificates = new Map<string, ClientCertificate>();
  readonly #events: Course['events'] = [];
  #logged = 0;
  #start = 0;

  constructor(ground: Ground, names: Record<string, string>) {
    const { scene, script } = ground;
    this.#ground = ground;
    this.#names = names;
    this.#watches = [...script.external, ...script.builtIn].map((name) => new ProxyWatch(scene, name));
    this.#caller = new CourseCaller(scene, script.calls);
  }

  /** Brings every workload to the start: a healthy issuer, and a certificate signed a moment ago that is served. */
  async prepare(): Promise<void> {
    const { script, issuer, scene, signal } = this.#ground;
    await undo(this.#ground);
    const spiffeId = `spiffe://cluster.local/ns/${scene.plan.names['namespace']}/sa/${script.handshaker}`;
    for (const group of new Set(script.external.map((name) => script.groups[name] ?? 'main')))
      if (issuer) this.#certificates.set(group, await issuer.certificate(spiffeId, group, handshakerSeconds));
    const options = { timeoutMs: timeouts.courseReadyMs, intervalMs: timeouts.courseCallEveryMs, signal };
    // The first push may wait for streams that come back only now; once they stand, the next is served within a second.
    for (let pushes = 0; pushes < mostPushes; pushes += 1) {
      const startMs = performance.now();
      await beginLifetimes(this.#ground);
      await until('every proxy to serve a certificate signed a moment ago', () => this.#served(), options);
      if (performance.now() - startMs < script.lifetimeSeconds * latestStart * 1000) break;
    }
    this.#logged = (await issuer?.log(0))?.at(-1)?.seq ?? 0;
  }

  async run(): Promise<Course> {
    const { lifetimeSeconds, lifetimes, steps: all } = this.#ground.script;
    const start = new Date();
    this.#start = performance.now();
    const lookEveryMs = (lifetimeSeconds * 1000) / looksPerLifetime;
    const endMs = lifetimes * lifetimeSeconds * 1000;
    const steps = [...all];
    const [loads] = await Promise.all([
      this.#load(endMs),
      this.#untilEnd(endMs, lookEveryMs, () => this.#look()),
      this.#untilEnd(endMs, lookEveryMs, () => this.#handshakes()),
      this.#untilEnd(endMs, timeouts.courseCallEveryMs, () => this.#caller.round(this.#soon())),
      this.#untilEnd(endMs, timeouts.courseStepEveryMs, () => this.#takeSteps(steps)),
    ]);
    const end = new Date();
    const [proxies, told] = await Promise.all([
      proxiesOf(this.#ground, this.#watches),
      toldBy(this.#ground, this.#logged),
    ]);
    return {
      start: start.toISOString(),
      end: end.toISOString(),
      lifetimeSeconds,
      proxies,
      calls: this.#caller.result(),
      loads,
      events: [...this.#events, ...told].toSorted((a, b) => a.at.localeCompare(b.at)),
    };
  }

  /** Loads from the start of the course to its end. */
  async #load(endMs: number): Promise<LoadEvidence[]> {
    const { scene, script, signal } = this.#ground;
    const one = async ({ plan }: CourseLoad): Promise<LoadEvidence[]> => {
      const whole = { ...plan(this.#names), durationMs: endMs };
      await using load = await StagedLoad.start(scene, this.#names, whole, signal, () => undefined);
      return await load.results();
    };
    return (await Promise.all(script.loads.map(one))).flat();
  }

  get #elapsedMs(): number {
    return performance.now() - this.#start;
  }

  async #untilEnd(endMs: number, intervalMs: number, round: () => Promise<void>): Promise<void> {
    const look = async (): Promise<Look<true>> => {
      await round();
      return this.#elapsedMs >= endMs ? { done: true } : { seen: 'under way' };
    };
    const { signal } = this.#ground;
    await until('the course to end', look, { timeoutMs: endMs + timeouts.courseReadyMs, intervalMs, signal });
  }

  /** What does not answer soon is asked again at the next look: a node may be suspended. */
  #soon(): AbortSignal {
    return AbortSignal.any([this.#ground.signal, AbortSignal.timeout(timeouts.courseLookMs)]);
  }

  async #look(): Promise<void> {
    const signal = this.#soon();
    await Promise.all(this.#watches.map((each) => each.look(this.#elapsedMs / 1000, signal)));
  }

  /** A fresh handshake with every pod, past its sidecar's callers: what is served is the final word. */
  async #handshakes(): Promise<void> {
    const { scene, script } = this.#ground;
    const calls = this.#watches.map(({ workload }) => {
      const own = script.builtIn.includes(workload)
        ? undefined
        : this.#certificates.get(script.groups[workload] ?? 'main');
      return {
        id: `mw-handshake-${randomBytes(5).toString('hex')}`,
        url: `https://${scene.workload(workload).podIP}:8080/`,
        timeoutMs: timeouts.courseCallMs,
        tls: { verify: false, ...(own && { cert: own.cert, key: own.key }) },
      };
    });
    const fixture = await scene.fixture(script.handshaker);
    const body = { calls, concurrency: 8 };
    const told = await fixture.json('/calls', { method: 'POST', body, signal: this.#soon() });
    for (const [index, outcome] of answer.parse(told).outcomes.entries()) this.#watches[index]?.handshake(outcome);
  }

  async #served(): Promise<Look<true>> {
    const { script, issuer } = this.#ground;
    await this.#handshakes();
    const page = await issuer?.page();
    const signed = new Map((page?.identities ?? []).map(({ name, current }) => [name, current?.serial]));
    const late = this.#watches.find(({ workload, served }) => {
      const serial = signed.get(workload);
      if (served === undefined) return true;
      return script.external.includes(workload) && (serial === undefined || plainSerial(serial) !== served);
    });
    return late ? { seen: `${late.workload} serves ${late.served ?? 'nothing'}` } : { done: true };
  }

  async #takeSteps(steps: Step[]): Promise<void> {
    const due = steps.filter(({ at }) => at * this.#ground.script.lifetimeSeconds * 1000 <= this.#elapsedMs);
    steps.splice(0, due.length);
    const note = (workload: string, what: string, detail: string) =>
      this.#events.push({ at: new Date().toISOString(), workload, what, detail });
    await Promise.all(due.map((each) => act(this.#ground, each, note)));
  }
}
