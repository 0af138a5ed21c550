import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { $ } from 'zx/core';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { NotReadyError } from '#support/errors.ts';
import { ownerLabel } from '#support/paths.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';

export const istioChannels = ['current', 'older'] as const;
/** Which of the two Istio versions of `kind/versions.yaml`; also the name of its revision in a cluster. */
export type IstioChannel = (typeof istioChannels)[number];

/** The parts of one Istio version, ready on this machine and preloaded in the node. */
export interface IstioParts {
  channel: IstioChannel;
  istioctl: string;
  hub: string;
  tag: string;
  /** True when the proxy is upstream Envoy, without Istio's own filters. */
  upstreamEnvoy: boolean;
}

const namespace = 'istio-system';
const values = (name: string): string => resolve(import.meta.dirname, `${name}.yaml`);

/**
 * Installs Istio versions as revisions, side by side. What stands with the same version and the same values is left
 * as it is. Each is applied after the other, as they share definitions; then all are waited for at once.
 *
 * @returns the channels that were installed, not those that stood already
 * @throws NotReadyError with istioctl's own words, or when an istiod is not ready in time
 */
export async function installIstio(
  cluster: Cluster,
  wanted: readonly IstioParts[],
  signal?: AbortSignal,
): Promise<IstioChannel[]> {
  // Definitions and roles of the base must be those of the newest version: it goes first.
  const inOrder = wanted.toSorted(
    (one, other) => istioChannels.indexOf(one.channel) - istioChannels.indexOf(other.channel),
  );
  const installed: { channel: IstioChannel; hash: string }[] = [];
  for (const parts of inOrder) {
    const files = valueFiles(parts);
    const hash = await hashOf(files, parts);
    if ((await installedHash(cluster, parts.channel)) === hash) continue;
    const withBase = parts.channel === 'current' || !(await anotherRevision(cluster, parts.channel));
    await istioctlInstall(cluster, parts, files, withBase, signal);
    installed.push({ channel: parts.channel, hash });
  }
  await Promise.all(inOrder.map(({ channel }) => istiodReady(cluster, channel, signal)));
  await cluster.apply(
    installed.map(({ channel, hash }) => ({ ...recordOf(channel), data: { hash } }) as Manifest),
    signal,
  );
  return installed.map(({ channel }) => channel);
}

/** Written once an installation is ready: what a rerun compares with. */
const recordOf = (channel: IstioChannel): Manifest => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: `meshwitness-istio-${channel}`, namespace, labels: { [ownerLabel]: 'meshwitness' } },
});

async function installedHash(cluster: Cluster, channel: IstioChannel): Promise<string | undefined> {
  const { name } = recordOf(channel).metadata;
  const record = await cluster.read<Manifest & { data?: { hash?: string } }>('v1', 'ConfigMap', name, namespace);
  return record?.data?.hash;
}

function valueFiles({ channel, upstreamEnvoy }: IstioParts): string[] {
  const files = [values('istio-values')];
  if (channel === 'current') files.push(values('istio-values-current'));
  if (upstreamEnvoy) files.push(values('istio-values-upstream-envoy'));
  return files;
}

async function istioctlInstall(
  cluster: Cluster,
  parts: IstioParts,
  files: string[],
  withBase: boolean,
  signal?: AbortSignal,
): Promise<void> {
  const flags = files.flatMap((file) => ['--filename', file]);
  flags.push('--set', `hub=${parts.hub}`, '--set', `tag=${parts.tag}`, '--revision', parts.channel);
  if (!withBase) flags.push('--set', 'components.base.enabled=false');
  const target = [
    '--context',
    cluster.context,
    ...(cluster.kubeconfigFile === undefined ? [] : ['--kubeconfig', cluster.kubeconfigFile]),
  ];
  const run = $({ quiet: true, nothrow: true, timeout: timeouts.controlPlaneReadyMs, ...(signal && { signal }) });
  const output = await run`${parts.istioctl} install --skip-confirmation --readiness-timeout 1s ${flags} ${target}`;
  signal?.throwIfAborted();
  // istioctl waits with a poll of its own; the harness watches readiness itself, so its time-out is no failure.
  if (output.exitCode !== 0 && !/wait for resource|not ready|timed out|context deadline/i.test(output.stderr)) {
    throw new NotReadyError(`Istio ${parts.channel} was not installed: ${output.stderr.trim().split('\n').at(-1)}`);
  }
}

async function istiodReady(cluster: Cluster, revision: string, signal?: AbortSignal): Promise<void> {
  const look = async () => {
    const found = await cluster.list<Deployment>(
      'apps/v1',
      'Deployment',
      namespace,
      `app=istiod,istio.io/rev=${revision}`,
    );
    const ready = found[0]?.status?.readyReplicas ?? 0;
    return ready > 0
      ? { done: true }
      : { seen: found.length === 0 ? 'no istiod of that revision' : 'no ready replica' };
  };
  await until(`istiod of revision ${revision} to be ready`, look, {
    timeoutMs: timeouts.controlPlaneReadyMs,
    ...(signal && { signal }),
  });
}

async function anotherRevision(cluster: Cluster, revision: string): Promise<boolean> {
  const found = await cluster.list<Deployment>('apps/v1', 'Deployment', namespace, 'app=istiod');
  return found.some(({ metadata }) => metadata?.labels?.['istio.io/rev'] !== revision);
}

async function hashOf(files: string[], parts: IstioParts): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([parts.hub, parts.tag]));
  for (const file of files) hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 16);
}

interface Deployment {
  metadata?: { labels?: Record<string, string> };
  status?: { readyReplicas?: number };
}
