import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import pRetry from 'p-retry';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import type { Forwards } from '#lab/forward.ts';
import { NotReadyError } from '#support/errors.ts';
import type { LoadResult } from '#support/load-evidence.ts';
import { paths } from '#support/paths.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';
import { logLines } from '#witness/log-lines.ts';
import { LoadReading } from '#load/reading.ts';
import type { ScriptInput } from '#load/script-input.ts';

const scriptFile = resolve(paths.root, 'fixtures/k6/constant-rate.ts');
/** Port of k6's own HTTP interface, on the pod's loopback. */
const apiPort = 6565;
const container = 'k6';

/** What a load is made of. */
export interface LoadParts {
  cluster: Cluster;
  forwards: Forwards;
  /** A Pod that runs k6 and the ConfigMap that it mounts: fixtures/manifests/load.yaml. */
  objects: readonly Manifest[];
  input: ScriptInput;
}

/**
 * One k6 pod that sends requests at constant rates in the background. It ends by itself; disposing of it removes it, whatever
 * it does.
 */
export class Load implements AsyncDisposable {
  readonly namespace: string;
  readonly pod: string;
  readonly #parts: LoadParts;
  readonly #reading: LoadReading;
  readonly #gone = new AbortController();
  #over = false;
  #stopped = false;

  private constructor(parts: LoadParts, { metadata }: Manifest) {
    this.#parts = parts;
    this.namespace = metadata.namespace ?? '';
    this.pod = metadata.name;
    this.#reading = new LoadReading(parts.input);
    void this.#read();
  }

  /**
   * Starts a load, and waits until its first requests are due.
   *
   * @throws NotReadyError when k6 does not start, with what it said
   */
  static async start(parts: LoadParts, signal: AbortSignal): Promise<Load> {
    const pod = parts.objects.find(({ kind }) => kind === 'Pod');
    if (!pod) throw new Error('no Pod among the objects of a load');
    const data = { 'script.ts': await readFile(scriptFile, 'utf8'), 'input.json': JSON.stringify(parts.input) };
    const objects = parts.objects.map((each) => (each.kind === 'ConfigMap' ? { ...each, data } : each));
    const load = new Load(parts, pod);
    try {
      await parts.cluster.apply(objects, signal);
      await load.#started(signal);
      return load;
    } catch (error) {
      await load[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Tells k6 to stop before its time; what it saw until then is its result. */
  async stop(signal: AbortSignal): Promise<void> {
    if (this.#reading.ended || this.#over) return;
    const api = await this.#parts.forwards.to(this.namespace, this.pod, apiPort);
    const body = { data: { type: 'status', id: 'default', attributes: { stopped: true } } };
    this.#stopped = true;
    const answer = await api.request('/v1/status', { method: 'PATCH', body, signal });
    if (answer.status !== 200)
      throw new NotReadyError(`k6 in ${this.pod} answered ${answer.status} when told to stop: ${answer.body}`);
  }

  /**
   * Waits for the end of the load.
   *
   * @returns a result for each stream, in the order of the input
   * @throws NotReadyError when k6 ended without a result: killed, evicted, a script that does not run
   */
  async results(signal: AbortSignal): Promise<LoadResult[]> {
    const { streams } = this.#parts.input;
    const longestMs = Math.max(...streams.map(({ startMs, durationMs }) => startMs + durationMs));
    await this.#wait('to end', longestMs + timeouts.loadEndMs, () => this.#reading.ended, signal);
    const results = this.#reading.results(this.#stopped);
    if (results?.length !== streams.length)
      throw new NotReadyError(`k6 in ${this.pod} ended without a result, last said: ${this.#reading.lastWords}`);
    return results;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#gone.abort();
    await this.#parts.cluster.remove(this.#parts.objects);
  }

  async #started(signal: AbortSignal): Promise<void> {
    await this.#wait('to start', timeouts.loadStartMs, () => this.#reading.started, signal);
    if (!this.#reading.started)
      throw new NotReadyError(`k6 in ${this.pod} ended before it began, last said: ${this.#reading.lastWords}`);
  }

  /** Until the condition holds, or k6 is over. */
  async #wait(what: string, timeoutMs: number, holds: () => boolean, signal: AbortSignal): Promise<void> {
    const look = () =>
      Promise.resolve(holds() || this.#over ? { done: true } : { seen: `k6 said: ${this.#reading.lastWords}` });
    await until(`the load ${this.namespace}/${this.pod} ${what}`, look, { timeoutMs, signal });
  }

  /** Reads the log until k6 has ended. There is none before the container runs, and a stream may break: then again. */
  async #read(): Promise<void> {
    const { namespace, pod } = this;
    const once = async () => {
      this.#reading.restart();
      for await (const line of logLines(this.#parts.cluster, { namespace, pod, container }, this.#gone.signal))
        this.#reading.take(line);
      if (!this.#reading.ended && !(await this.#terminated())) throw new Error('its log broke off');
    };
    const options = { retries: Infinity, minTimeout: timeouts.pollMs, maxTimeout: 500, signal: this.#gone.signal };
    await pRetry(once, options).catch(() => undefined); // only the stop signal ends it
    this.#over = true;
  }

  async #terminated(): Promise<boolean> {
    const found = await this.#parts.cluster.read<Pod>('v1', 'Pod', this.pod, this.namespace);
    if (!found) return true;
    return found.status?.containerStatuses?.some(({ name, state }) => name === container && state?.terminated) ?? false;
  }
}

interface Pod extends Manifest {
  status?: { containerStatuses?: { name: string; state?: { terminated?: object } }[] };
}
