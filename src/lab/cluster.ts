import {
  HttpMethod,
  KubeConfig,
  KubernetesObjectApi,
  PatchStrategy,
  type KubernetesObject,
  type RequestContext,
} from '@kubernetes/client-node';
import pLimit from 'p-limit';
import pRetry, { AbortError } from 'p-retry';
import { NotReadyError, messageOf } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';

const fieldManager = 'meshwitness';

/** An object as it stands in a manifest. */
export interface Manifest {
  apiVersion?: string;
  kind?: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
}

/** The client library opens a connection for each request; this keeps one agent, so that connections are reused. */
export class KeptConfig extends KubeConfig {
  #dispatcher: ReturnType<RequestContext['getDispatcher']>;

  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    await super.applySecurityAuthentication(context);
    this.#dispatcher ??= context.getDispatcher();
    if (this.#dispatcher) context.setDispatcher(this.#dispatcher);
  }
}

/** The library rewrites kinds that it knows by its own models, and loses what they lack: definitions go as they stand. */
class VerbatimObjects extends KubernetesObjectApi {
  static override makeApiClient(config: KubeConfig): VerbatimObjects {
    const client = config.makeApiClient(VerbatimObjects);
    client.setDefaultNamespace(config);
    return client;
  }

  /** @throws NotReadyError for a kind that the cluster does not serve */
  async isNamespaced({ apiVersion = '', kind = '' }: Manifest): Promise<boolean> {
    const resource = await this.resource(apiVersion, kind).catch(ignoreNotFound);
    if (!resource) throw new NotReadyError(`the cluster serves no ${kind} of ${apiVersion}`);
    return resource.namespaced;
  }

  /** @param dryRun the server checks and answers, unknown fields included, and keeps nothing */
  async applyVerbatim(manifest: Manifest, dryRun = false): Promise<Manifest> {
    const path = await this.specUriPath(manifest, 'patch');
    const request = this.configuration.baseServer.makeRequestContext(path, HttpMethod.PATCH);
    request.setHeaderParam('Accept', 'application/json');
    request.setHeaderParam('Content-Type', PatchStrategy.ServerSideApply);
    request.setQueryParam('fieldManager', fieldManager);
    request.setQueryParam('force', 'true');
    if (dryRun) {
      request.setQueryParam('dryRun', 'All');
      request.setQueryParam('fieldValidation', 'Strict');
    }
    request.setBody(JSON.stringify(manifest));
    return (await this.requestPromise(request)) as Manifest;
  }
}

/** One cluster of a lab: how to reach it, and the few verbs that every layer above uses. */
export class Cluster {
  readonly name: string;
  readonly context: string;
  readonly kubeconfigFile: string | undefined;
  readonly config: KubeConfig;
  readonly objects: VerbatimObjects;
  /** Container name of the node, for what only a node can answer; absent for clusters that we did not make. */
  readonly node: string | undefined;
  // The API server queues more than this per user anyway; two cores gain nothing from more.
  readonly #limit = pLimit(8);

  constructor(name: string, config: KubeConfig, kubeconfigFile?: string, node?: string) {
    this.name = name;
    this.context = config.getCurrentContext();
    this.kubeconfigFile = kubeconfigFile;
    this.config = config;
    this.objects = VerbatimObjects.makeApiClient(config);
    this.node = node;
  }

  /** Opens a cluster by a kubeconfig file of ours, with its only context. */
  static fromFile(name: string, file: string, node?: string): Cluster {
    const config = new KeptConfig();
    config.loadFromFile(file);
    return new Cluster(name, config, file, node);
  }

  /**
   * Applies objects (server-side), in parallel; namespaces and definitions first.
   *
   * @returns them as the server keeps them, known kinds as the models of the client library
   * @throws NotReadyError naming the object and what the API server said against it; {@link statusOf} still reads it
   */
  async apply(manifests: readonly Manifest[], signal?: AbortSignal): Promise<Manifest[]> {
    await this.permit(manifests, 'apply');
    const first = manifests.filter(({ kind }) => kind === 'Namespace' || kind === 'CustomResourceDefinition');
    const rest = manifests.filter((manifest) => !first.includes(manifest));
    const applied = await Promise.all(first.map((manifest) => this.#applyOne(manifest, signal)));
    return [...applied, ...(await Promise.all(rest.map((manifest) => this.#applyOne(manifest, signal))))];
  }

  /**
   * Asks the API server whether it would take an object, admission included. Nothing is kept, so it may be asked of anybody's
   * namespaces.
   *
   * @returns what it said against the object, undefined when it would take it
   * @throws NotReadyError when it does not let us ask
   */
  async dryRun(manifest: Manifest, signal?: AbortSignal): Promise<string | undefined> {
    try {
      await this.#call(() => this.objects.applyVerbatim(manifest, true), signal);
      return undefined;
    } catch (error) {
      const status = statusOf(error);
      if (status === 401)
        throw new NotReadyError(`cluster ${this.name} does not know us: ${refusalOf(error)}`, undefined, error);
      if (status !== undefined || messageOf(error).startsWith('Unrecognized API version')) return refusalOf(error);
      throw error;
    }
  }

  /** Deletes objects in reverse order; what is already gone is no error. */
  async remove(manifests: readonly Manifest[], signal?: AbortSignal): Promise<void> {
    await this.permit(manifests, 'remove');
    const one = (manifest: Manifest) =>
      this.#call(() => this.objects.delete(manifest, undefined, undefined, 0, undefined, 'Background'), signal).catch(
        ignoreNotFound,
      );
    await Promise.all(manifests.toReversed().map(one));
  }

  /** Lists objects of a kind, in one namespace or all, by label selector. */
  async list<T extends KubernetesObject>(
    apiVersion: string,
    kind: string,
    namespace?: string,
    selector?: string,
  ): Promise<T[]> {
    const found = await this.#call(() =>
      this.objects.list<T>(apiVersion, kind, namespace, undefined, undefined, undefined, undefined, selector),
    );
    return found.items;
  }

  /** Reads one object, or undefined when the server has none of that name. */
  async read<T extends KubernetesObject>(
    apiVersion: string,
    kind: string,
    name: string,
    namespace?: string,
  ): Promise<T | undefined> {
    const header = { apiVersion, kind, metadata: namespace === undefined ? { name } : { name, namespace } };
    return this.#call(() => this.objects.read<T>(header)).catch(ignoreNotFound);
  }

  /** Whether these may be changed at all. All of a cluster that we made is ours. */
  protected async permit(_manifests: readonly Manifest[], _action: 'apply' | 'remove'): Promise<void> {}

  async #applyOne(manifest: Manifest, signal?: AbortSignal): Promise<Manifest> {
    try {
      return await this.#call(() => this.objects.applyVerbatim(manifest), signal);
    } catch (error) {
      if (statusOf(error) === undefined) throw error;
      throw new NotReadyError(
        `${nameOf(manifest)} was refused by cluster ${this.name}: ${refusalOf(error)}`,
        undefined,
        error,
      );
    }
  }

  /** One request; repeated only while the API server does not answer at all, for as long as an outage may last. */
  async #call<T>(request: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const attempt = () =>
      request().catch((error: unknown) => {
        throw isOutage(error) ? error : new AbortError(error instanceof Error ? error : String(error));
      });
    const options = { retries: 30, minTimeout: 200, maxTimeout: 2_000, maxRetryTime: timeouts.apiServerOutageMs };
    return this.#limit(() => pRetry(attempt, signal ? { ...options, signal } : options));
  }
}

/** `Deployment sem/echo`, as errors name an object. */
export function nameOf({ kind = 'object', metadata: { name, namespace } }: Manifest): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

/** HTTP status of an API server's refusal, or undefined when the error is none. */
export function statusOf(error: unknown): number | undefined {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: { code?: unknown } };
  const found = [code, cause?.code].find((each) => typeof each === 'number');
  return found;
}

/** The API server's own sentence in a refusal, without the wrapping of the client library. */
function refusalOf(error: unknown): string {
  const { body } = (error ?? {}) as { body?: unknown };
  try {
    const parsed: unknown = typeof body === 'string' ? JSON.parse(body) : body;
    const { message } = (parsed ?? {}) as { message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // not JSON: fall through to the error's own words
  }
  return messageOf(error);
}

function isOutage(error: unknown): boolean {
  const status = statusOf(error);
  // The client library's own words for a kind that the server answered not to have.
  if (messageOf(error).startsWith('Unrecognized API version')) return false;
  return status === undefined
    ? error instanceof Error && !(error instanceof TypeError && !('cause' in error))
    : status === 429 || status >= 503;
}

function ignoreNotFound(error: unknown): undefined {
  if (statusOf(error) === 404) return undefined;
  throw error;
}
