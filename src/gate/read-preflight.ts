import { createInterface } from 'node:readline';
import pLimit from 'p-limit';
import { statusOf, type Cluster, type Manifest } from '#lab/cluster.ts';
import { messageOf, NotReadyError, UsageError } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';
import { readLine } from '#gate/inbound-log.ts';
import { preflightFacts, type PreflightFacts } from '#gate/preflight.ts';
import { describeProxies, type ReadProxy } from '#gate/describe.ts';
import { Tally } from '#gate/tally.ts';
import { isAlive, isMeshed, sidecarContainer, type Pod, type Service } from '#gate/workloads.ts';
import { LogRefused, openLog } from '#witness/open-log.ts';

export interface PreflightRequest {
  namespace: string;
  /** Start of the window; calls that began before do not count. */
  since: Date;
  /** Listens on for so many milliseconds, after what the logs hold already. */
  followMs?: number;
  signal: AbortSignal;
}

const rootNamespace = 'istio-system';
/** Logs read side by side: an API server hands out a handful at full speed. */
const logsAtOnce = 6;

/**
 * Asks the proxies of a namespace, by their access logs, who speaks plaintext, and its objects which ports take it. Only reads:
 * lists objects and opens logs.
 *
 * @throws UsageError for a namespace that does not exist, or has no proxy
 * @throws NotReadyError when the user of this context may not read what is needed
 */
export async function readPreflight(cluster: Cluster, request: PreflightRequest): Promise<PreflightFacts> {
  const { namespace, since, signal } = request;
  const notes: string[] = [];
  const look = { cluster, notes };
  const pods = await inTime(cluster, podsOf(cluster, namespace));
  const meshed = pods.filter((pod) => isAlive(pod) && isMeshed(pod));
  if (meshed.length === 0)
    throw new UsageError(
      `namespace ${namespace} of context ${cluster.context} has no pod with a sidecar: STRICT would change nothing there`,
      `kubectl --context ${cluster.context} get pods -n ${namespace}`,
    );
  const limit = pLimit(request.followMs === undefined ? logsAtOnce : meshed.length);
  const [everyPod, services, own, root, ...proxies] = await Promise.all([
    inTime(
      cluster,
      optional(look, 'pods of other namespaces', () => cluster.list<Pod>('v1', 'Pod')),
    ),
    inTime(
      cluster,
      optional(look, `Services of ${namespace}`, () => cluster.list<Service>('v1', 'Service', namespace)),
    ),
    inTime(cluster, policies(cluster, namespace)),
    inTime(
      cluster,
      optional(look, `PeerAuthentications of ${rootNamespace}`, () => policies(cluster, rootNamespace)),
    ),
    ...meshed.map((pod) => limit(() => readProxy(cluster, pod, request))),
  ]);
  signal.throwIfAborted();
  const described = describeProxies({
    pods: everyPod ?? pods,
    local: pods,
    services: services ?? [],
    policies: [...own, ...(root ?? [])],
    proxies,
  });
  return preflightFacts.parse({
    schema: 1,
    context: cluster.context,
    namespace,
    since: since.toISOString(),
    until: new Date().toISOString(),
    ...described,
    notes,
  });
}

/** The client library waits for minutes; what the API server does not answer in time is left behind. */
export async function inTime<T>({ context }: Cluster, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const deadline = AbortSignal.timeout(timeouts.apiServerOutageMs);
  const seconds = timeouts.apiServerOutageMs / 1000;
  const told = new NotReadyError(`the API server of context ${context} did not answer within ${seconds} s`);
  deadline.addEventListener('abort', () => reject(told), { once: true });
  return Promise.race([work, late]);
}

export async function podsOf(cluster: Cluster, namespace: string): Promise<Pod[]> {
  const pods = await cluster.list<Pod>('v1', 'Pod', namespace).catch((error: unknown) => {
    throw notAllowed(error, cluster, `list pods in namespace ${namespace}`, `list pods -n ${namespace}`);
  });
  if (pods.length > 0) return pods;
  // One who may list pods may still not be allowed to read the namespace itself.
  const known = await cluster.read('v1', 'Namespace', namespace).catch(() => 'nobody says');
  if (known === undefined)
    throw new UsageError(
      `context ${cluster.context} has no namespace "${namespace}"`,
      `kubectl --context ${cluster.context} get namespaces`,
    );
  return pods;
}

async function policies(cluster: Cluster, namespace: string): Promise<Manifest[]> {
  const kind = 'PeerAuthentication';
  // An Istio of before 1.22 serves the older version alone.
  for (const version of ['v1', 'v1beta1']) {
    try {
      const found = await cluster.list<Manifest>(`security.istio.io/${version}`, kind, namespace);
      return found.map((each) => ({ ...each, kind }));
    } catch (error) {
      if (statusOf(error) === 404 || /Unrecognized API version and kind/.test(messageOf(error))) continue;
      const resource = 'peerauthentications.security.istio.io';
      throw notAllowed(error, cluster, `list ${kind}s in namespace ${namespace}`, `list ${resource} -n ${namespace}`);
    }
  }
  throw new NotReadyError(`context ${cluster.context} serves no ${kind}: is Istio installed there?`);
}

/** What helps and is not needed: without it, a note says what is not known. */
async function optional<T>(
  { cluster, notes }: { cluster: Cluster; notes: string[] },
  what: string,
  read: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (statusOf(error) !== 403 && !(error instanceof NotReadyError)) throw error;
    notes.push(`context ${cluster.context} may not list ${what}`);
    return undefined;
  }
}

function notAllowed(error: unknown, { context }: Cluster, what: string, canI: string): unknown {
  const status = statusOf(error);
  if (status !== 403 && status !== 401) return error;
  const hint = `kubectl --context ${context} auth can-i ${canI}`;
  return new NotReadyError(`context ${context} may not ${what}`, hint, error);
}

/** Reads one proxy's log, line by line, and counts. @throws NotReadyError when logs may not be read at all */
async function readProxy(
  cluster: Cluster,
  pod: Pod,
  { namespace, since, followMs, signal }: PreflightRequest,
): Promise<ReadProxy> {
  const tally = new Tally(since);
  const name = pod.metadata?.name ?? '';
  const query = { sinceTime: since.toISOString(), ...(followMs !== undefined && { follow: 'true' }) };
  const deadline = AbortSignal.timeout(followMs ?? timeouts.logReadMs);
  const options = { signal: AbortSignal.any([signal, deadline]), bodyTimeout: 0 };
  try {
    const body = await openLog(cluster, { namespace, pod: name, container: sidecarContainer }, query, options);
    for await (const line of createInterface({ input: body })) tally.add(readLine(line));
    return { pod, tally };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LogRefused && (error.status === 403 || error.status === 401))
      throw new NotReadyError(
        `context ${cluster.context} may not read logs in namespace ${namespace} (pods/log)`,
        `kubectl --context ${cluster.context} auth can-i get pods/log -n ${namespace}`,
        error,
      );
    if (!deadline.aborted) return { pod, tally, trouble: messageOf(error) };
    if (followMs !== undefined) return { pod, tally };
    return { pod, tally, trouble: `not at its end within ${timeouts.logReadMs / 1000} s; take a shorter --window` };
  }
}
