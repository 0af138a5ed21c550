import { AuthorizationV1Api } from '@kubernetes/client-node';
import pLimit from 'p-limit';
import { z } from 'zod';
import type { Cluster } from '#lab/cluster.ts';
import { Forwards, type PodHttp } from '#lab/forward.ts';
import type { Course } from '#support/certificates.ts';
import { messageOf, NotReadyError, UsageError } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';
import { certificateStats } from '#witness/certificates/certificate-stats.ts';
import { certsPath } from '#witness/certificates/certs-page.ts';
import { secretsPath } from '#witness/certificates/secrets-page.ts';
import { readCounters } from '#witness/counters.ts';
import { inTime, podsOf } from '#gate/read-preflight.ts';
import { isAlive, isMeshed, leftOutBy, selectedOf, workloadOf, type Pod } from '#gate/workloads.ts';
import { meetPod } from '#diagnose/handshake.ts';
import { Recording } from '#diagnose/recording.ts';

export interface WatchRequest {
  namespace: string;
  /** Only this one; all with a sidecar when it is left out. */
  workload?: string;
  /** Between the first look and the last, in milliseconds. */
  watchMs: number;
  /** Pods' own addresses can be reached from here: their handshakes are seen too. */
  reachPods: boolean;
  /** Told in the course; 0 when nobody said, and each certificate's own window counts. */
  lifetimeSeconds: number;
  signal: AbortSignal;
}
/** A page as it came, for one who wants to look at it again. */
export interface Page {
  pod: string;
  /** `config_dump.json`, `certs.json`. */
  name: string;
  text: string;
}

const adminPort = 15_000;
/** Proxies asked side by side: an API server hands out a handful of tunnels at full speed. */
const proxiesAtOnce = 8;
/** Looks of a watch, and the shortest time between two of them in milliseconds: a proxy answers in a few. */
const mostLooks = 120;
const shortestMs = 1_500;

/**
 * Watches the certificates of a namespace, by the admin pages of its proxies and by handshakes where pods can be reached. Only reads.
 *
 * @throws UsageError for a namespace that does not exist or has no such proxy
 * @throws NotReadyError when the user of this context may not read what is needed
 */
export async function watchNamespace(
  cluster: Cluster,
  request: WatchRequest,
): Promise<{ course: Course; pages: Page[] }> {
  const { namespace, watchMs, signal } = request;
  const pods = await proxiesOf(cluster, request);
  await mayForward(cluster, namespace);
  await using forwards = new Forwards(cluster);
  const start = new Date();
  const limit = pLimit(proxiesAtOnce);
  const proxies = pods.map((pod) => new Watched(pod, request, forwards, start));
  await Promise.all(proxies.map((proxy) => limit(() => proxy.first(signal))));
  // A namespace whose every tunnel fails has one cause, and no story.
  const [refused] = proxies.map(({ trouble }) => trouble);
  if (refused !== undefined && proxies.every(({ trouble }) => trouble !== undefined))
    throw new NotReadyError(
      `no proxy of namespace ${namespace} answers on its admin port ${adminPort}: ${refused}`,
      `kubectl --context ${cluster.context} -n ${namespace} port-forward ${pods[0]?.metadata?.name ?? ''} ${adminPort}`,
    );
  const endMs = start.getTime() + watchMs;
  const look = async () => {
    if (Date.now() > start.getTime() + shortestMs / 2)
      await Promise.all(proxies.map((proxy) => limit(() => proxy.again(signal))));
    return Date.now() >= endMs ? { done: true } : { seen: 'under way' };
  };
  if (watchMs > 0)
    await until('the watch to end', look, {
      timeoutMs: watchMs + timeouts.dumpMs,
      intervalMs: Math.max(shortestMs, watchMs / mostLooks),
      signal,
    });
  const course: Course = {
    start: start.toISOString(),
    end: new Date().toISOString(),
    lifetimeSeconds: request.lifetimeSeconds,
    proxies: proxies.map(({ recording }) => recording.result()),
    calls: [],
    loads: [],
    events: [],
  };
  return { course, pages: proxies.flatMap(({ pages }) => pages) };
}

async function proxiesOf(cluster: Cluster, { namespace, workload }: WatchRequest): Promise<Pod[]> {
  const pods = await inTime(cluster, podsOf(cluster, namespace));
  const meshed = pods.filter((pod) => isAlive(pod) && isMeshed(pod) && pod.metadata?.deletionTimestamp === undefined);
  const own = workload === undefined ? meshed : meshed.filter((pod) => workloadOf(pod) === workload);
  if (own.length > 0) return own;
  const known = [...new Set(meshed.map(workloadOf))];
  const what = workload === undefined ? 'no pod with a sidecar' : `no workload "${workload}" with a sidecar`;
  throw new UsageError(
    `namespace ${namespace} of context ${cluster.context} has ${what}${known.length > 0 ? `: there are ${known.join(', ')}` : ''}`,
    `kubectl --context ${cluster.context} get pods -n ${namespace}`,
  );
}

/** Asks before the first tunnel: one that is refused closes without a word. A tunnel over a websocket is a GET. */
async function mayForward(cluster: Cluster, namespace: string): Promise<void> {
  const resourceAttributes = { namespace, verb: 'get', resource: 'pods', subresource: 'portforward' };
  const body = { spec: { resourceAttributes } };
  const asked = cluster.config.makeApiClient(AuthorizationV1Api).createSelfSubjectAccessReview({ body });
  const { status } = await inTime(cluster, asked).catch((error: unknown) => {
    if (error instanceof NotReadyError) throw error;
    // Whoever may not even ask is told by the tunnels themselves.
    return { status: undefined };
  });
  if (status?.allowed === false)
    throw new NotReadyError(
      `context ${cluster.context} may not forward ports in namespace ${namespace} (pods/portforward)`,
      `kubectl --context ${cluster.context} auth can-i get pods/portforward -n ${namespace}`,
    );
}

const serverInfo = z.looseObject({ version: z.string(), uptime_current_epoch: z.string() });

/** One proxy that is watched. */
class Watched {
  readonly recording: Recording;
  readonly pages: Page[] = [];
  /** Why it could not be read at all. */
  trouble: string | undefined;
  readonly #pod: Pod;
  readonly #forwards: Forwards;
  #reachable: boolean;

  constructor(pod: Pod, { namespace, reachPods }: WatchRequest, forwards: Forwards, start: Date) {
    const serviceAccount = pod.spec?.serviceAccountName;
    const about = { workload: workloadOf(pod), namespace, pod: pod.metadata?.name ?? '' };
    this.recording = new Recording({ ...about, ...(serviceAccount !== undefined && { serviceAccount }) }, start);
    this.#pod = pod;
    this.#forwards = forwards;
    this.#reachable = reachPods;
    if (!reachPods) this.recording.silent('handshake', 'not asked for (--reach-pods)');
  }

  /** The whole dump once, for what does not change, then as every look. */
  async first(signal: AbortSignal): Promise<void> {
    try {
      const info = serverInfo.parse(await (await this.#admin()).json('/server_info', options(signal)));
      const uptimeMs = Number.parseFloat(info.uptime_current_epoch) * 1000;
      const version = /\/(?<version>\d+\.\d+\.\d+[^/]*)\//.exec(info.version)?.groups?.['version'];
      this.recording.about = {
        ...this.recording.about,
        ...(version !== undefined && { envoy: version }),
        startedAt: new Date(Date.now() - uptimeMs).toISOString(),
      };
    } catch (error) {
      signal.throwIfAborted();
      this.trouble = messageOf(error);
      for (const source of ['dump', 'certs', 'counters']) this.recording.silent(source, this.trouble);
      return;
    }
    await this.#look('/config_dump', signal);
  }

  async again(signal: AbortSignal): Promise<void> {
    if (this.trouble === undefined) await this.#look(secretsPath, signal);
  }

  async #look(dumpPath: string, signal: AbortSignal): Promise<void> {
    const admin = await this.#admin();
    await Promise.all([
      this.#ask('dump', signal, async () => {
        const text = await pageOf(admin, dumpPath, signal);
        this.recording.dump(new Date(), text);
        if (dumpPath !== secretsPath) this.#keep('config_dump.json', text);
      }),
      this.#ask('certs', signal, async () => {
        const text = await pageOf(admin, certsPath, signal);
        this.recording.certs(new Date(), text);
        this.#keep('certs.json', text);
      }),
      this.#ask('counters', signal, async () =>
        this.recording.counters(new Date(), await readCounters(admin, certificateStats, signal)),
      ),
      this.#meet(signal),
    ]);
  }

  async #meet(signal: AbortSignal): Promise<void> {
    const host = this.#pod.status?.podIP;
    const port = selectedOf(this.#pod, []).ports.find((each) => leftOutBy(this.#pod, each) === undefined);
    if (!this.#reachable || host === undefined || port === undefined) return;
    const { outcome, leaf } = await meetPod(host, port, signal);
    if (leaf) this.recording.handshake(new Date(), outcome, leaf);
    else {
      this.#reachable = false;
      this.recording.silent('handshake', outcome);
    }
  }

  async #ask(source: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      this.recording.silent(source, messageOf(error));
    }
  }

  #keep(name: string, text: string): void {
    // Those of the first look: pages of two moments would seem to differ where a renewal lies between.
    if (this.pages.every((each) => each.name !== name)) this.pages.push({ pod: this.recording.about.pod, name, text });
  }

  #admin(): Promise<PodHttp> {
    const { namespace, pod } = this.recording.about;
    return this.#forwards.to(namespace, pod, adminPort);
  }
}

const options = (signal: AbortSignal) => ({ signal, timeoutMs: timeouts.courseLookMs });

async function pageOf(admin: PodHttp, path: string, signal: AbortSignal): Promise<string> {
  const { status, body } = await admin.request(path, options(signal));
  if (status !== 200) throw new NotReadyError(`${path} answered ${status}`);
  return body;
}
