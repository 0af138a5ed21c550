import type { ProxyCourse } from '#support/certificates.ts';

/** Counters that only a new process sets back; those of listeners and clusters also go with their owner. */
const monotonic = ['sds.default.update_attempt', 'sds.default.update_success', 'cluster.sds-grpc.upstream_cx_total'];

/** What a proxy's counters said over a course. All times are milliseconds since 1970; all names are endings. */
export class Signals {
  readonly #series: Map<string, [number, number][]>;

  /** @param start of the course, from which the points count */
  constructor({ counters }: Pick<ProxyCourse, 'counters'>, start: number) {
    this.#series = new Map(
      counters.map(({ stat, points }) => [
        stat,
        points.map(([at, value]): [number, number] => [start + at * 1000, value]),
      ]),
    );
  }

  /** Its value at a time, or the first one known after it; undefined when the proxy does not keep it. */
  value(ending: string, at: number): number | undefined {
    const points = this.#points(ending);
    return (points.findLast(([time]) => time <= at) ?? points[0])?.[1];
  }

  /** How much it rose; undefined when the proxy does not keep it. */
  increase(ending: string, from: number, to: number): number | undefined {
    const [before, after] = [this.value(ending, from), this.value(ending, to)];
    return before === undefined || after === undefined ? undefined : Math.max(0, after - before);
  }

  /** Whether the stream to the issuer is open; undefined when no counter tells. */
  connected(at: number): boolean | undefined {
    const streams = this.value('sds.default.control_plane.connected_state', at);
    const open = streams ?? this.value('cluster.sds-grpc.upstream_cx_active', at);
    return open === undefined ? undefined : open > 0;
  }

  /** Stretches without a stream to the issuer that began after the first look; one that goes on has no end. */
  outages(): { from: number; to?: number }[] {
    const name = 'sds.default.control_plane.connected_state';
    const points = this.#points(this.#points(name).length > 0 ? name : 'cluster.sds-grpc.upstream_cx_active');
    return points.flatMap(([from, value], index) => {
      if (index === 0 || value > 0) return [];
      const back = points.slice(index).find(([, later]) => later > 0);
      return back ? [{ from, to: back[0] }] : [{ from }];
    });
  }

  /** How often the issuer's stream came back in a stretch of time: the first answer then is the pair there is. */
  reconnects(from: number, to: number): number {
    const seen = this.outages().filter((each) => each.to !== undefined && each.to >= from && each.to <= to).length;
    // Attempts that found nobody count as destroyed too.
    const ended = this.increase('cluster.sds-grpc.upstream_cx_destroy_remote', from, to) ?? 0;
    return Math.max(seen, ended - (this.increase('cluster.sds-grpc.upstream_cx_connect_fail', from, to) ?? 0));
  }

  /** When counters began anew: another process, so a restart. */
  restarts(): number[] {
    const times = monotonic.flatMap((ending) => {
      const points = this.#points(ending);
      return points.flatMap(([time, value], index) => (value < (points[index - 1]?.[1] ?? 0) ? [time] : []));
    });
    return [...new Set(times)].toSorted((a, b) => a - b);
  }

  #points(ending: string): [number, number][] {
    return [...this.#series].find(([stat]) => stat.endsWith(ending))?.[1] ?? [];
  }
}

/** Two sources are not read in the same moment: what one shows, another may show this many milliseconds later. */
export function lookMs({ dump, certs }: Pick<ProxyCourse, 'dump' | 'certs'>): number {
  const runs = [dump, certs].find((each) => each.length > 0) ?? [];
  const looks = runs.reduce((sum, { looks: each }) => sum + each, 0);
  const [first, last] = [runs[0]?.first, runs.at(-1)?.last];
  if (looks < 2 || first === undefined || last === undefined) return 2000;
  return Math.max(2000, (1.5 * (Date.parse(last) - Date.parse(first))) / (looks - 1));
}
