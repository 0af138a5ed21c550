import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { PodHttp } from '#lab/forward.ts';
import { whileSuspended } from '#lab/suspend.ts';
import { plainSerial, type Course, type ProxyCourse } from '#support/certificates.ts';
import { clientOutcome } from '#support/evidence.ts';
import type { LoadEvidence } from '#support/load-evidence.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';
import { cannotReload, tlsInventory } from '#witness/certificates/tls-contexts.ts';
import { Issuer, type ClientCertificate, type IssuerLogEntry } from '#witness/issuer.ts';
import { logHead } from '#witness/log-tail.ts';
import { CourseCaller } from '#verdict/course/caller.ts';
import { ProxyWatch } from '#verdict/course/proxy-watch.ts';
import { scriptFor, type CourseLoad, type CourseScript, type Step } from '#verdict/course/script.ts';
import { StagedLoad } from '#verdict/staged-load.ts';
import type { Scene } from '#verdict/scene.ts';

/** Looks at every source, this often in a lifetime: a renewal at half of it is seen within a fifteenth. */
const looksPerLifetime = 15;

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
  const running = new RunningCourse(scene, script, names, signal);
  await running.prepare();
  return running.run();
}

class RunningCourse {
  readonly #scene: Scene;
  readonly #script: CourseScript;
  readonly #names: Record<string, string>;
  readonly #signal: AbortSignal;
  readonly #watches: ProxyWatch[];
  readonly #caller: CourseCaller;
  readonly #certificates = new Map<string, ClientCertificate>();
  readonly #events: Course['events'] = [];
  #issuer: Issuer | undefined;
  #logged = 0;
  #start = 0;

  constructor(scene: Scene, script: CourseScript, names: Record<string, string>, signal: AbortSignal) {
    this.#scene = scene;
    this.#names = names;
    this.#script = script;
    this.#signal = signal;
    this.#watches = [...script.external, ...script.builtIn].map((name) => new ProxyWatch(scene, name));
    this.#caller = new CourseCaller(scene, script.calls);
  }

  /** Brings every workload to the start: a healthy issuer, and a certificate signed a moment ago that is served. */
  async prepare(): Promise<void> {
    const { issuer, external, groups, steps, loads } = this.#script;
    const senders = loads.flatMap(({ identity }) => identity ?? []);
    // An earlier course may have left them without the account that they are known by.
    await Promise.all(steps.filter(({ act }) => 'refuse' in act).map(({ workload }) => this.#readmit(workload)));
    if (external.length > 0) {
      this.#issuer = new Issuer(await this.#scene.fixture(issuer), this.#signal);
      await this.#issuer.clock(0);
      await this.#issuer.mode([...external, ...senders], 'healthy');
      for (const group of new Set(external.map((name) => groups[name] ?? 'main')))
        // Long enough for the whole course: what it proves at the end is that its root is no longer trusted.
        this.#certificates.set(group, await this.#issuer.certificate(this.#spiffe('handshaker'), group, 3600));
      await this.#mendTrust();
      await this.#issuer.restartCourse([...external, ...senders]);
    }
    await until('every proxy to serve a certificate signed a moment ago', () => this.#served(), {
      timeoutMs: timeouts.courseReadyMs,
      intervalMs: timeouts.courseCallEveryMs,
      signal: this.#signal,
    });
    const log = (await this.#issuer?.log(0)) ?? [];
    this.#logged = log.at(-1)?.seq ?? 0;
  }

  /** An earlier course may have left a group whose leaves are signed by a root that is out of its bundle. */
  async #mendTrust(): Promise<void> {
    const page = await this.#issuer?.page();
    const cutOff = (page?.groups ?? []).filter(({ roots }) => roots.some(({ signs, inBundle }) => signs && !inBundle));
    for (const { name } of cutOff) await this.#issuer?.trust(name, 'sign-with-new');
  }

  async run(): Promise<Course> {
    const { lifetimeSeconds, lifetimes } = this.#script;
    const start = new Date();
    this.#start = performance.now();
    const lookEveryMs = (lifetimeSeconds * 1000) / looksPerLifetime;
    const toEndMs = lifetimes * lifetimeSeconds * 1000;
    const steps = [...this.#script.steps];
    const [loads] = await Promise.all([
      this.#load(toEndMs),
      this.#untilEnd(toEndMs, lookEveryMs, () => this.#look()),
      this.#untilEnd(toEndMs, lookEveryMs, () => this.#handshakes()),
      this.#untilEnd(toEndMs, timeouts.courseCallEveryMs, () => this.#caller.round(this.#soon())),
      this.#untilEnd(toEndMs, timeouts.courseStepEveryMs, () => this.#takeSteps(steps)),
    ]);
    const [proxies, log] = await Promise.all([this.#proxies(), this.#issuer?.log(this.#logged)]);
    const told = (log ?? []).filter(({ event }) => ['stream-opened', 'stream-closed', 'rejected'].includes(event));
    const events = told.map(({ at, identity, event, message, resource }) => ({
      at,
      workload: identity,
      what: event,
      detail: message ?? resource ?? '',
    }));
    return {
      start: start.toISOString(),
      end: new Date().toISOString(),
      lifetimeSeconds,
      proxies,
      calls: this.#caller.result(),
      loads,
      events: [...this.#events, ...events].toSorted((a, b) => a.at.localeCompare(b.at)),
    };
  }

  /** Loads from the start of the course to its end. */
  async #load(toEndMs: number): Promise<LoadEvidence[]> {
    const one = async ({ plan }: CourseLoad): Promise<LoadEvidence[]> => {
      const whole = { ...plan(this.#names), durationMs: toEndMs };
      await using load = await StagedLoad.start(this.#scene, this.#names, whole, this.#signal, () => undefined);
      return await load.results();
    };
    return (await Promise.all(this.#script.loads.map(one))).flat();
  }

  get #elapsedMs(): number {
    return performance.now() - this.#start;
  }

  async #untilEnd(endMs: number, intervalMs: number, act: () => Promise<void>): Promise<void> {
    const look = async () => {
      await act();
      return this.#elapsedMs >= endMs ? { done: true } : { seen: 'under way' };
    };
    const options = { timeoutMs: endMs + timeouts.requestMs + intervalMs, intervalMs, signal: this.#signal };
    await until('the course to end', look, options);
  }

  /** What does not answer soon is asked again at the next look: a node may be suspended. */
  #soon(): AbortSignal {
    return AbortSignal.any([this.#signal, AbortSignal.timeout(timeouts.courseLookMs)]);
  }

  async #look(): Promise<void> {
    const signal = this.#soon();
    await Promise.all(this.#watches.map((each) => each.look(this.#elapsedMs / 1000, signal)));
    this.#signal.throwIfAborted();
  }

  /** A fresh handshake with every pod, past its sidecar's callers: what is served is the final word. */
  async #handshakes(): Promise<void> {
    const { handshaker, groups, builtIn } = this.#script;
    const calls = this.#watches.map(({ workload }) => {
      const { podIP } = this.#scene.workload(workload);
      const own = builtIn.includes(workload) ? undefined : this.#certificates.get(groups[workload] ?? 'main');
      return {
        id: `mw-handshake-${randomBytes(5).toString('hex')}`,
        url: `https://${podIP}:8080/`,
        timeoutMs: timeouts.courseCallMs,
        tls: { verify: false, ...(own && { cert: own.cert, key: own.key }) },
      };
    });
    const fixture = await this.#scene.fixture(handshaker);
    const body = { calls, concurrency: 8 };
    const answer = await fixture.json('/calls', { method: 'POST', body, signal: this.#soon() });
    const { outcomes } = z.object({ outcomes: z.array(clientOutcome) }).parse(answer);
    for (const [index, outcome] of outcomes.entries()) this.#watches[index]?.handshake(outcome);
  }

  async #served() {
    await this.#handshakes();
    const wanted = new Map(
      ((await this.#issuer?.page())?.identities ?? []).map(({ name, current }) => [name, current?.serial]),
    );
    const late = this.#watches.find(({ workload, served }) => {
      if (served === undefined) return true;
      const serial = wanted.get(workload);
      return this.#script.external.includes(workload) && (serial === undefined || plainSerial(serial) !== served);
    });
    return late ? { seen: `${late.workload} serves ${late.served ?? 'nothing'}` } : { done: true };
  }

  async #takeSteps(steps: Step[]): Promise<void> {
    const due = steps.filter(({ at }) => at * this.#script.lifetimeSeconds * 1000 <= this.#elapsedMs);
    steps.splice(0, due.length);
    await Promise.all(due.map((each) => this.#take(each)));
  }

  async #take({ workload, act }: Step): Promise<void> {
    const note = (what: string, detail: string) =>
      this.#events.push({ at: new Date().toISOString(), workload, what, detail });
    if ('mode' in act) {
      note('mode', act.mode);
      await this.#issuer?.mode(workload, act.mode);
    } else if ('trust' in act) {
      note('trust', act.trust);
      await this.#issuer?.trust(act.group, act.trust);
    } else if ('restart' in act) {
      note('restart', 'rollout restart');
      await this.#scene.restart(workload, this.#signal);
      // An agent has a pair signed for a proxy that it meets for the first time, whatever it forgets later.
      if (this.#script.external.includes(workload)) await this.#issuer?.restartCourse([workload]);
    } else if ('clock' in act) {
      note('clock', `stepped by ${act.clock * this.#script.lifetimeSeconds} s`);
      await this.#issuer?.clock(act.clock * this.#script.lifetimeSeconds);
    } else if ('suspend' in act) {
      note('suspended', 'the node');
      await this.#suspend(act.suspend * this.#script.lifetimeSeconds * 1000);
      note('resumed', 'the node');
    } else {
      note('refused', 'its ServiceAccount is gone');
      const { namespace } = this.#scene.workload(workload);
      const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: workload, namespace } };
      await this.#scene.cluster.remove([account], this.#signal);
    }
  }

  /** Suspends the node for a while, and counts the time that passes outside. */
  async #suspend(forMs: number): Promise<void> {
    const end = this.#elapsedMs + forMs;
    const over = () => Promise.resolve(this.#elapsedMs >= end ? { done: true } : { seen: 'suspended' });
    const options = {
      timeoutMs: forMs + timeouts.requestMs,
      intervalMs: timeouts.courseStepEveryMs,
      signal: this.#signal,
    };
    await whileSuspended(this.#scene.cluster, () => until('the suspension to end', over, options));
  }

  async #readmit(workload: string): Promise<void> {
    const { namespace } = this.#scene.workload(workload);
    if (await this.#scene.cluster.read('v1', 'ServiceAccount', workload, namespace)) return;
    const planned = this.#scene.plan.workloads.find(({ name }) => name === workload)?.objects ?? [];
    const accounts = planned.filter(({ kind }) => kind === 'ServiceAccount');
    await this.#scene.cluster.apply(accounts, this.#signal);
    // Its token speaks of the account that was; only a new pod gets another.
    await this.#scene.restart(workload, this.#signal);
  }

  async #proxies(): Promise<ProxyCourse[]> {
    const log = (await this.#issuer?.log(0)) ?? [];
    const identities = new Map(((await this.#issuer?.page())?.identities ?? []).map((each) => [each.name, each]));
    const one = async (watch: ProxyWatch): Promise<ProxyCourse> => {
      const admin = await this.#scene.admin(watch.workload);
      const info = await admin.json<{ version?: string }>('/server_info', { signal: this.#signal }).catch(() => ({}));
      const [, version] = (info as { version?: string }).version?.split('/') ?? [];
      const issued = issuancesOf(log.filter(({ identity }) => identity === watch.workload));
      const streams = (identities.get(watch.workload)?.streams ?? []).map(
        ({ openedAt, closedAt, requested, replies, acknowledged }) => ({
          openedAt,
          ...(closedAt !== undefined && { closedAt }),
          requested,
          replies,
          acknowledged,
        }),
      );
      const found = { ...watch.result(issued, version), streams, pinned: await this.#pinned(admin) };
      return this.#script.builtIn.includes(watch.workload) ? { ...found, signings: await this.#signings(watch) } : found;
    };
    return Promise.all(this.#watches.map(one));
  }

  /** TLS contexts that no SDS feeds. */
  async #pinned(admin: PodHttp): Promise<NonNullable<ProxyCourse['pinned']>> {
    const { body } = await admin.request('/config_dump', { signal: this.#signal });
    return cannotReload(tlsInventory(body)).flatMap(({ kind, name, pinned }) =>
      pinned.map(({ file, leaf }) => ({
        context: `${kind} ${name}`,
        ...(leaf && { serial: leaf.serial }),
        ...(file !== undefined && { file }),
      })),
    );
  }

  /** Lines in which pilot-agent says that a certificate was signed for it. */
  async #signings({ workload }: ProxyWatch): Promise<string[]> {
    const { namespace, pod } = this.#scene.workload(workload);
    const log = await logHead(this.#scene.cluster, { namespace, pod, container: 'istio-proxy' }, this.#signal);
    return log.split('\n').flatMap((line) => {
      const at = /^(\S+)\t.*generated new workload certificate/i.exec(line)?.[1];
      return at === undefined ? [] : [at];
    });
  }

  #spiffe(account: string): string {
    return `spiffe://cluster.local/ns/${this.#scene.plan.names['namespace']}/sa/${account}`;
  }
}

function issuancesOf(log: IssuerLogEntry[]): ProxyCourse['issuer'] {
  return log.flatMap(({ event, at, serial, notBefore, notAfter, uris = [], fingerprint, reason = '' }) =>
    event === 'issued' && serial !== undefined && notBefore !== undefined && notAfter !== undefined
      ? [{ at, reason, serial: plainSerial(serial), notBefore, notAfter, uris, ...(fingerprint !== undefined && { fingerprint }) }]
      : [],
  );
}
