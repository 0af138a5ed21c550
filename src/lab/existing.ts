import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, resolve } from 'node:path';
import { KubeConfig, VersionApi } from '@kubernetes/client-node';
import { Cluster, KeptConfig, nameOf, type Manifest } from '#lab/cluster.ts';
import type { Lab } from '#lab/lab.ts';
import { NotReadyError, UsageError, messageOf } from '#support/errors.ts';
import { nearest } from '#support/nearest.ts';
import { ownerLabel } from '#support/paths.ts';
import { timeouts } from '#support/timeouts.ts';

/**
 * Clusters of the user's, each by the context that was named for it. Their kubeconfig is read and never written, and
 * nothing is changed outside namespaces that carry our label.
 *
 * @param contexts name of the context for each cluster of the topology: `{ main: 'staging' }`
 * @throws UsageError for a context that the kubeconfig does not have (with the nearest one)
 * @throws NotReadyError when an API server does not answer
 */
export async function openExisting(contexts: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<Lab> {
  const open = async ([name, context]: [string, string]): Promise<[string, Cluster]> => {
    const cluster = new ExistingCluster(name, await configFor(context));
    await answers(cluster, signal);
    return [name, cluster];
  };
  const clusters = new Map(await Promise.all(Object.entries(contexts).map(open)));
  return {
    name: Object.values(contexts).join('+'),
    topology: 'existing',
    provider: 'existing',
    clusters,
    reused: true,
  };
}

/**
 * Removes what we left in a cluster of the user's: the namespaces that carry our label.
 *
 * @returns their names
 */
export async function clearExisting(cluster: Cluster, signal?: AbortSignal): Promise<string[]> {
  const selector = `${ownerLabel}=meshwitness`;
  const owned = await cluster.list<Namespace>('v1', 'Namespace', undefined, selector);
  const names = owned.map(({ metadata }) => metadata?.name).filter((name) => name !== undefined);
  const manifests = names.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
  await cluster.remove(manifests, signal);
  return names;
}

/** A cluster that others live in: whatever is not in a namespace of ours stays as it is. */
class ExistingCluster extends Cluster {
  readonly #ours = new Set<string>();

  protected override async permit(manifests: readonly Manifest[], action: 'apply' | 'remove'): Promise<void> {
    const made = new Set<string>();
    for (const manifest of manifests) {
      if (manifest.kind !== 'Namespace') continue;
      await this.#requireOurs(manifest.metadata.name, manifest, action, made);
    }
    for (const manifest of manifests) {
      if (manifest.kind === 'Namespace') continue;
      const { namespace } = manifest.metadata;
      if (namespace === undefined || !(await this.objects.isNamespaced(manifest)))
        throw new UsageError(
          `${nameOf(manifest)} is not in a namespace of ours: in context ${this.context} it would concern others`,
        );
      if (!made.has(namespace)) await this.#requireOurs(namespace, manifest, action);
    }
  }

  /** @param made collects namespaces that the same call makes, and that carry our label */
  async #requireOurs(
    namespace: string,
    manifest: Manifest,
    action: 'apply' | 'remove',
    made?: Set<string>,
  ): Promise<void> {
    if (this.#ours.has(namespace)) return;
    const found = await this.read<Namespace>('v1', 'Namespace', namespace);
    if (found?.metadata?.labels?.[ownerLabel] !== undefined) return void this.#ours.add(namespace);
    if (found === undefined && action === 'remove') return;
    if (found === undefined && manifest.metadata.labels?.[ownerLabel] !== undefined) return void made?.add(namespace);
    const why = found === undefined ? 'does not exist' : `does not carry the label ${ownerLabel}`;
    throw new UsageError(
      `${nameOf(manifest)} is left alone: namespace ${namespace} of context ${this.context} ${why}`,
      found === undefined
        ? undefined
        : `if it is ours to use: kubectl label namespace ${namespace} ${ownerLabel}=meshwitness`,
    );
  }
}

async function configFor(context: string): Promise<KeptConfig> {
  const files = process.env.KUBECONFIG?.split(delimiter).filter(Boolean) ?? [resolve(homedir(), '.kube/config')];
  const readable = await Promise.all(
    files.map((file) =>
      access(file).then(
        () => true,
        () => false,
      ),
    ),
  );
  const [first, ...others] = files.filter((_, index) => readable[index]);
  if (first === undefined)
    throw new UsageError(`no context "${context}": there is no kubeconfig at ${files.join(', ')}`, 'set KUBECONFIG');
  const config = new KeptConfig();
  try {
    config.loadFromFile(first);
    for (const file of others) {
      const other = new KubeConfig();
      other.loadFromFile(file);
      config.mergeConfig(other);
    }
  } catch (error) {
    throw new UsageError(`the kubeconfig at ${files.join(', ')} cannot be read: ${messageOf(error)}`);
  }
  const known = config.getContexts().map(({ name }) => name);
  if (!known.includes(context))
    throw new UsageError(
      `the kubeconfig has no context "${context}": there are ${known.join(', ') || 'none'}`,
      nearest(context, known, 'did you mean'),
    );
  config.setCurrentContext(context);
  return config;
}

async function answers(cluster: Cluster, signal?: AbortSignal): Promise<void> {
  const deadline = AbortSignal.timeout(timeouts.requestMs);
  const ended = Promise.withResolvers<never>();
  const either = signal ? AbortSignal.any([signal, deadline]) : deadline;
  either.addEventListener('abort', () => ended.reject(new Error('no answer in time')), { once: true });
  try {
    await Promise.race([cluster.config.makeApiClient(VersionApi).getCode(), ended.promise]);
  } catch (error) {
    signal?.throwIfAborted();
    const { cause } = (error ?? {}) as { cause?: unknown };
    throw new NotReadyError(
      `context ${cluster.context}: ${cluster.config.getCurrentCluster()?.server ?? 'its API server'} does not answer: ${messageOf(cause ?? error)}`,
      `kubectl --context ${cluster.context} version`,
      error,
    );
  }
}

interface Namespace {
  metadata?: { name?: string; labels?: Record<string, string> };
}
