import { join } from 'node:path';
import type { KubernetesObject } from '@kubernetes/client-node';
import { stringify } from 'yaml';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { messageOf } from '#support/errors.ts';
import { writeRedacted } from '#support/redact.ts';
import { timeouts } from '#support/timeouts.ts';
import type { Scene } from '#verdict/scene.ts';
import type { Workload } from '#verdict/workload.ts';
import { withoutKeyMaterial } from '#witness/dump-redaction.ts';
import { logTail } from '#witness/log-tail.ts';

export interface DumpRequest {
  /** Workloads of the check. */
  uses: readonly string[];
  /** Documents that the check and its twins apply. */
  applied: readonly Manifest[];
  /** Where the dump goes; made if need be. */
  folder: string;
  signal: AbortSignal;
}

/** Pages of an Envoy's admin port, and the files they go to. */
const pages: Record<string, string> = {
  'config_dump.json': '/config_dump?include_eds',
  'clusters.txt': '/clusters',
  'listeners.txt': '/listeners',
  'stats.txt': '/stats',
  'certs.json': '/certs',
};

/** Kinds that decide how a proxy behaves, or what ran. */
const kinds: [apiVersion: string, kind: string][] = [
  ['security.istio.io/v1beta1', 'PeerAuthentication'],
  ['security.istio.io/v1beta1', 'AuthorizationPolicy'],
  ['networking.istio.io/v1alpha3', 'EnvoyFilter'],
  ['v1', 'Service'],
  ['v1', 'ConfigMap'],
  ['v1', 'Pod'],
  ['apps/v1', 'Deployment'],
];

/**
 * Writes down a scene as it is now, without key material: admin pages and logs of each proxy, logs of the workloads, events
 * and objects of their namespaces, and what the check applied. What cannot be had is named in `missing.txt`.
 */
export async function dumpScene(scene: Scene, { uses, applied, folder, signal }: DumpRequest): Promise<void> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeouts.dumpMs)]);
  const missing: string[] = [];
  const write = async (file: string, content: () => Promise<string>): Promise<void> => {
    try {
      await writeRedacted(join(folder, file), await bounded(content(), deadline));
    } catch (error) {
      missing.push(`${file}: ${messageOf(error)}`);
    }
  };
  const workloads = uses.map((name) => scene.workload(name));
  const namespaces = [...new Set(workloads.map(({ namespace }) => namespace)), 'istio-system'];
  await Promise.all([
    ...workloads.map((workload) => dumpWorkload(scene, workload, write, deadline)),
    ...namespaces.flatMap((namespace) => dumpNamespace(scene.cluster, namespace, write)),
    write('applied.yaml', () => Promise.resolve(yamlOf(applied))),
  ]);
  signal.throwIfAborted();
  if (missing.length > 0) await writeRedacted(join(folder, 'missing.txt'), `${missing.toSorted().join('\n')}\n`);
}

type Write = (file: string, content: () => Promise<string>) => Promise<void>;

async function dumpWorkload(scene: Scene, workload: Workload, write: Write, signal: AbortSignal): Promise<void> {
  const { name, namespace, pod, proxy } = workload;
  const page = (path: string) => async () => {
    const admin = await scene.admin(name);
    return withoutKeyMaterial((await admin.request(path, { signal })).body);
  };
  const log = (container: string) => () => logTail(scene.cluster, { namespace, pod, container }, signal);
  const found = await scene.cluster.read<Pod>('v1', 'Pod', pod, namespace);
  const containers = [...(found?.spec?.initContainers ?? []), ...(found?.spec?.containers ?? [])];
  await Promise.all([
    ...containers.map((container) => write(`${name}/${container.name}.log`, log(container.name))),
    ...(proxy ? Object.entries(pages).map(([file, path]) => write(`${name}/${file}`, page(path))) : []),
  ]);
}

interface Pod extends KubernetesObject {
  spec?: { initContainers?: { name: string }[]; containers?: { name: string }[] };
}

function dumpNamespace(cluster: Cluster, namespace: string, write: Write): Promise<void>[] {
  const objects = async (): Promise<string> => {
    const lists = kinds.map(async ([apiVersion, kind]) => {
      const found = await cluster.list<Manifest>(apiVersion, kind, namespace);
      return found.map((each) => ({ ...each, apiVersion, kind }));
    });
    return yamlOf((await Promise.all(lists)).flat());
  };
  const events = async (): Promise<string> => {
    const found = await cluster.list<Event>('v1', 'Event', namespace);
    const inOrder = found.toSorted((a, b) => timeOf(a).localeCompare(timeOf(b)));
    return inOrder.map((each) => `${timeOf(each)} ${lineOf(each)}\n`).join('');
  };
  return [write(`${namespace}.objects.yaml`, objects), write(`${namespace}.events.txt`, events)];
}

interface Event extends KubernetesObject {
  type?: string;
  reason?: string;
  message?: string;
  lastTimestamp?: string | Date;
  eventTime?: string | Date;
  involvedObject?: { kind?: string; name?: string };
}

const timeOf = ({ lastTimestamp, eventTime }: Event): string => {
  const time = lastTimestamp ?? eventTime;
  return time === undefined ? '' : new Date(time).toISOString();
};
const lineOf = ({ type, reason, message, involvedObject }: Event): string =>
  `${type} ${reason} ${involvedObject?.kind}/${involvedObject?.name}: ${message?.trim()}`;

/** Objects as documents of one YAML file, without what only the API server's bookkeeping needs. */
function yamlOf(objects: readonly Manifest[]): string {
  const plain = objects.map((each) => JSON.parse(JSON.stringify(each)) as { metadata?: Record<string, unknown> });
  for (const { metadata } of plain) delete metadata?.['managedFields'];
  return plain.map((each) => stringify(each)).join('---\n');
}

/** The client library takes no signal: what it does not answer in time is left behind. */
async function bounded<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(new Error('not read in time'));
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
