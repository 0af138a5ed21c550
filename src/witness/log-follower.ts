import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import pRetry from 'p-retry';
import type { Cluster } from '#lab/cluster.ts';
import type { AccessLogEntry, ProxyRef } from '#support/evidence.ts';
import { messageOf } from '#support/errors.ts';
import { parseAccessLogLine } from '#witness/access-log.ts';
import { openLog } from '#witness/open-log.ts';

/** A proxy whose log can be followed; its side is a fixed one, or each line's own. */
export type FollowedProxy = Omit<ProxyRef, 'side'> & { side?: ProxyRef['side'] };

// A scene's proxy writes a few lines a probe; this holds thousands of probes.
const keptLines = 20_000;

/**
 * Follows the access log of one proxy, once, for as long as the run lasts, and hands lines out by what asks for them.
 * A stream that breaks is opened again from the time of its last line.
 */
export class LogFollower implements Disposable {
  readonly proxy: FollowedProxy;
  readonly #cluster: Cluster;
  readonly #container: string;
  readonly #arrived = new EventEmitter();
  readonly #entries: AccessLogEntry[] = [];
  readonly #stop = new AbortController();
  #trouble: string | undefined;

  constructor(cluster: Cluster, proxy: FollowedProxy, container = 'istio-proxy') {
    this.proxy = proxy;
    this.#cluster = cluster;
    this.#container = container;
    this.#arrived.setMaxListeners(0);
    void this.#follow();
  }

  /** Entries seen so far that fit, oldest first. */
  find(fits: (entry: AccessLogEntry) => boolean): AccessLogEntry[] {
    return this.#entries.filter(fits);
  }

  /**
   * Waits until `count` entries fit.
   *
   * @returns what fits when the deadline has passed, even if it is less: absence is for the judge to weigh
   */
  async expect(
    fits: (entry: AccessLogEntry) => boolean,
    count: number,
    deadline: AbortSignal,
  ): Promise<AccessLogEntry[]> {
    let found = this.find(fits);
    while (found.length < count && !deadline.aborted) {
      await once(this.#arrived, 'line', { signal: deadline }).catch(() => undefined);
      found = this.find(fits);
    }
    return found;
  }

  /** What went wrong with the stream last, or undefined while it flows. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  /** Streams until stopped; a stream that ends or breaks is opened again, from when it was lost. */
  async #follow(): Promise<void> {
    let since = new Date();
    const stream = async () => {
      try {
        await this.#streamSince(since);
        throw new Error('the log stream ended');
      } catch (error) {
        this.#trouble = messageOf(error);
        since = new Date();
        throw error instanceof Error ? error : new Error(String(error));
      }
    };
    const options = { retries: Infinity, minTimeout: 200, maxTimeout: 2_000, signal: this.#stop.signal };
    await pRetry(stream, options).catch(() => undefined); // only the stop signal ends it
  }

  async #streamSince(since: Date): Promise<void> {
    const { namespace, pod } = this.proxy;
    const body = await openLog(
      this.#cluster,
      { namespace, pod, container: this.#container },
      { follow: 'true', sinceTime: since.toISOString() },
      { signal: this.#stop.signal, bodyTimeout: 0 }, // a quiet proxy writes nothing for minutes
    );
    this.#trouble = undefined;
    for await (const line of createInterface({ input: body })) {
      const entry = parseAccessLogLine(line);
      if (entry) this.#keep(entry);
    }
  }

  #keep(entry: AccessLogEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > keptLines) this.#entries.splice(0, keptLines / 2);
    this.#arrived.emit('line');
  }
}
