import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { ledgerHeader } from '#fixtures/server/protocol.ts';
import { Load } from '#load/load.ts';
import type { ScriptStream } from '#load/script-input.ts';
import { messageOf } from '#support/errors.ts';
import type { LoadEvidence, LoadLedger } from '#support/load-evidence.ts';
import { paths } from '#support/paths.ts';
import { timeouts } from '#support/timeouts.ts';
import { forgetLedger, readLedger } from '#witness/ledgers.ts';
import { readManifests } from '#verdict/manifest-file.ts';
import type { Scene } from '#verdict/scene.ts';

/** Requests to one URL at a constant arrival rate. */
export interface StreamPlan {
  url: string;
  /** Requests per second. */
  rate: number;
  headers?: Record<string, string>;
  /** After the start of the load, in milliseconds. Default 0. */
  startMs?: number;
  /** Default: that of the load. */
  durationMs?: number;
  /** From the start of the stream; counted, but no part of its latency. Default 0. */
  warmUpMs?: number;
  /**
   * `fresh`: the client opens a connection for each request. A caller's sidecar pools its own: for a fresh connection between
   * sidecars, call a Service whose DestinationRule says `maxRequestsPerConnection: 1`. Default `kept`.
   */
  connections?: 'kept' | 'fresh';
  /** The one status that is no failure. Default 200. */
  status?: number;
  /** Default 2 s. */
  timeoutMs?: number;
  /** A good answer that takes longer is counted by the second. Default 250 ms. */
  slowMs?: number;
  /** How long every answer may be late together before requests are dropped, which makes the run invalid. Default 1 s. */
  stallMs?: number;
  /** Workloads whose backend keeps account of each request of this stream. */
  ledgers?: readonly string[];
  /** k6's own expressions: on the share of failures, and on latency in milliseconds. Default: no failure. */
  thresholds?: { failures?: string[]; latency?: string[] };
}

/** One k6 pod, and what it sends. */
export interface LoadPlan {
  /** Which namespace of the scene it is sent from, by the placeholder's name. Default `outside`. */
  home?: string;
  /** ServiceAccount, and so the identity of the sender in the mesh. */
  account?: string;
  /** Pod and ConfigMap in fixtures/manifests. Default `load.yaml`. */
  manifest?: string;
  /** Longest; it may be stopped before. */
  durationMs: number;
  /** By name, which is that of the evidence. */
  streams: Record<string, StreamPlan>;
}

const clientsAtLeast = 4;

/** A load that goes on while a check acts. Leaving its scope removes it. */
export class StagedLoad implements AsyncDisposable {
  readonly #load: Load;
  readonly #scene: Scene;
  readonly #streams: readonly (readonly [name: string, plan: StreamPlan, ledger: string])[];
  readonly #signal: AbortSignal;
  readonly #record: (evidence: LoadEvidence[]) => void;
  #accounted = false;

  private constructor(
    load: Load,
    scene: Scene,
    streams: readonly (readonly [string, StreamPlan, string])[],
    signal: AbortSignal,
    record: (evidence: LoadEvidence[]) => void,
  ) {
    this.#load = load;
    this.#scene = scene;
    this.#streams = streams;
    this.#signal = signal;
    this.#record = record;
  }

  /**
   * Starts a load from inside the cluster; returns when its first requests are due.
   *
   * @param names what placeholders stand for, `k6-image` among them
   * @param record told what every witness says of each stream when the load has ended
   */
  static async start(
    scene: Scene,
    names: Record<string, string>,
    { home = 'outside', account = 'default', manifest = 'load.yaml', durationMs, streams }: LoadPlan,
    signal: AbortSignal,
    record: (evidence: LoadEvidence[]) => void,
  ): Promise<StagedLoad> {
    const load = `mw-load-${randomBytes(4).toString('hex')}`;
    const planned = Object.entries(streams).map(([name, plan]) => [name, plan, `${load}-${name}`] as const);
    const input = { streams: planned.map(([, plan, ledger]) => toScript(plan, ledger, durationMs)) };
    const lastMs = Math.max(...input.streams.map((each) => each.startMs + each.durationMs + each.timeoutMs));
    const objects = await readManifests(resolve(paths.manifests, manifest), {
      ...names,
      load,
      account,
      home: names[home] ?? home,
      deadlineSeconds: String(Math.ceil(lastMs / 1000) + graceSeconds),
    });
    const { cluster, forwards } = scene;
    const started = await Load.start({ cluster, forwards, objects, input }, signal);
    return new StagedLoad(started, scene, planned, signal, record);
  }

  /** Name of the pod that sends. */
  get pod(): string {
    return this.#load.pod;
  }

  /** What a backend has received of a stream so far. */
  async received(stream: string, workload: string): Promise<LoadLedger> {
    const ledger = this.#streams.find(([name]) => name === stream)?.[2];
    if (ledger === undefined) throw new Error(`the load has no stream ${stream}`);
    return readLedger(await this.#scene.fixture(workload), ledger, this.#signal);
  }

  /** Ends it before its time. */
  async stop(): Promise<void> {
    await this.#load.stop(this.#signal);
  }

  /** Waits for its end, asks every witness, and records what they say as evidence of the check. */
  async results(): Promise<LoadEvidence[]> {
    const seen = await this.#load.results(this.#signal).catch((error: unknown) => {
      this.#signal.throwIfAborted();
      return messageOf(error);
    });
    const evidence = this.#streams.map(async ([name, plan, ledger], index): Promise<LoadEvidence> => {
      const client = typeof seen === 'string' ? undefined : seen[index];
      const { ledgers, silent } = await this.#account(plan.ledgers ?? [], ledger);
      if (typeof seen === 'string') silent.push({ witness: `load ${name}`, reason: seen });
      return { name, from: this.#load.namespace, url: plan.url, ...(client && { client }), ledgers, silent };
    });
    const all = await Promise.all(evidence);
    this.#accounted = true;
    this.#record(all);
    return all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#load[Symbol.asyncDispose]();
    if (!this.#accounted)
      await Promise.all(this.#streams.map(([, { ledgers = [] }, ledger]) => this.#forget(ledgers, ledger)));
  }

  /** Nobody asked for the account: it must not take the room of later ones. */
  async #forget(workloads: readonly string[], ledger: string): Promise<void> {
    const signal = AbortSignal.timeout(timeouts.requestMs);
    const one = async (workload: string) => forgetLedger(await this.#scene.fixture(workload), ledger, signal);
    await Promise.allSettled(workloads.map(one));
  }

  async #account(workloads: readonly string[], ledger: string): Promise<Pick<LoadEvidence, 'ledgers' | 'silent'>> {
    const ledgers: LoadEvidence['ledgers'] = {};
    const silent: LoadEvidence['silent'] = [];
    const one = async (workload: string): Promise<void> => {
      try {
        const backend = await this.#scene.fixture(workload);
        ledgers[workload] = await readLedger(backend, ledger, this.#signal);
        await forgetLedger(backend, ledger, this.#signal);
      } catch (error) {
        this.#signal.throwIfAborted();
        silent.push({ witness: `ledger of ${workload}`, reason: messageOf(error) });
      }
    };
    await Promise.all(workloads.map(one));
    return { ledgers, silent };
  }
}

/** A pod that nobody reads any more ends this long after its load would have. */
const graceSeconds = 120;

function toScript(plan: StreamPlan, ledger: string, wholeMs: number): ScriptStream {
  const { url, rate, startMs = 0, durationMs = wholeMs - startMs, timeoutMs = 2_000, stallMs = 1_000 } = plan;
  return {
    url,
    rate,
    startMs,
    durationMs,
    timeoutMs,
    headers: {
      ...plan.headers,
      ...(plan.connections === 'fresh' && { connection: 'close' }),
      ...(plan.ledgers && { [ledgerHeader]: ledger }),
    },
    warmUpMs: plan.warmUpMs ?? 0,
    slowMs: plan.slowMs ?? 250,
    status: plan.status ?? 200,
    clients: Math.max(clientsAtLeast, Math.ceil((rate * stallMs) / 1000)),
    thresholds: { failures: plan.thresholds?.failures ?? ['rate==0'], latency: plan.thresholds?.latency ?? [] },
  };
}
