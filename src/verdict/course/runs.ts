import { isDeepStrictEqual } from 'node:util';

type Run<T> = T & { first: string; last: string; looks: number };

/**
 * Keeps what was seen as runs: a look that sees the same as the one before makes its run longer, any other begins a new one.
 */
export class Runs<T extends object> {
  readonly list: Run<T>[] = [];
  #now: T | undefined;

  /** @param at ISO 8601 time of the look */
  see(at: string, value: T): void {
    const current = this.list.at(-1);
    if (current && isDeepStrictEqual(this.#now, value)) {
      current.last = at;
      current.looks += 1;
      return;
    }
    this.#now = value;
    this.list.push({ ...value, first: at, last: at, looks: 1 });
  }
}

/** Counters and gauges over time, by name; a point only where the value changed. */
export class SeriesKeeper {
  readonly #points = new Map<string, [number, number][]>();

  /** @param seconds since the start of the course */
  see(seconds: number, values: Record<string, number>): void {
    for (const [stat, value] of Object.entries(values)) {
      const points = this.#points.get(stat) ?? [];
      if (points.at(-1)?.[1] !== value) points.push([Math.round(seconds * 10) / 10, value]);
      this.#points.set(stat, points);
    }
  }

  get list(): { stat: string; points: [number, number][] }[] {
    return [...this.#points]
      .map(([stat, points]) => ({ stat, points }))
      .filter(({ stat, points }) => tells(stat, points));
  }
}

/** What stayed at zero is left out, but for what concerns the proxy's own secrets. Expiry is told by the certificates themselves. */
function tells(stat: string, points: [number, number][]): boolean {
  if (stat.includes('expiration_unix_time')) return false;
  const ofItself = ['sds.', 'server.', 'cluster.sds-grpc.'].some((start) => stat.startsWith(start));
  return ofItself || points.some(([, value]) => value !== 0);
}
