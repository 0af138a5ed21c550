import type { InboundCall, Line } from '#gate/inbound-log.ts';
import type { ProxyFacts } from '#gate/preflight.ts';

/** Plaintext calls of one peer to one port of one proxy. */
export interface Callers {
  address: string;
  forwarded: boolean;
  port: number;
  outcome: 'accepted' | 'refused';
  count: number;
  lastSeen: Date;
}

/** Counts the lines of one proxy as they come; nothing of them is kept. */
export class Tally {
  readonly #since: Date;
  readonly #callers = new Map<string, Callers>();
  readonly #lines = { text: 0, outbound: 0, inbound: 0, untold: 0 };
  #from: Date | undefined;

  /** @param since calls that began before are not counted */
  constructor(since: Date) {
    this.#since = since;
  }

  add(line: Line): void {
    if (line.kind === 'inbound') this.#call(line.call);
    else if (line.kind !== 'other') this.#lines[line.kind] += 1;
  }

  /** Who spoke plaintext. */
  get callers(): Callers[] {
    return [...this.#callers.values()];
  }

  /** Calls that came in. */
  get calls(): number {
    return this.#lines.inbound;
  }

  /** Time of the first call that counted. */
  get from(): Date | undefined {
    return this.#from;
  }

  get state(): Exclude<ProxyFacts['state'], 'unread'> {
    const { text, outbound, inbound, untold } = this.#lines;
    if (text > 0) return 'text';
    if (untold > 0) return 'untold';
    if (inbound > 0) return 'told';
    return outbound > 0 ? 'quiet' : 'silent';
  }

  #call({ time, port, address, forwarded, arrival }: InboundCall): void {
    if (time < this.#since) return;
    this.#from ??= time;
    this.#lines.inbound += 1;
    if (arrival === 'untold') this.#lines.untold += 1;
    if (arrival !== 'plaintext' && arrival !== 'refused') return;
    const outcome = arrival === 'refused' ? 'refused' : 'accepted';
    const key = `${address} ${port} ${outcome}`;
    const seen = this.#callers.get(key) ?? { address, forwarded, port, outcome, count: 0, lastSeen: time };
    this.#callers.set(key, { ...seen, count: seen.count + 1, lastSeen: seen.lastSeen > time ? seen.lastSeen : time });
  }
}
