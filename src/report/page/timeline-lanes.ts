import type { CallCourse, Leaf, ProxyCourse } from '#support/certificates.ts';
import { characterWidth, type Bar, type Scale, type TimelineLane } from '#report/page/timeline-drawing.ts';

const colours = 5;

/** One colour a serial, the same in all lanes: neighbours differ, and sources that agree line up. */
function colourer(proxy: ProxyCourse): (serial: string) => string {
  const seen = [...proxy.issuer, ...[...proxy.handshake, ...proxy.dump].flatMap(({ leaf }) => leaf ?? [])].toSorted(
    (a, b) => a.notAfter.localeCompare(b.notAfter),
  );
  const order = [...new Set(seen.map(({ serial }) => serial))];
  return (serial) => `g${Math.max(0, order.indexOf(serial)) % colours}`;
}

export function sourceLanes(proxy: ProxyCourse, scale: Scale): Omit<TimelineLane, 'y'>[] {
  const colour = colourer(proxy);
  const ends = new Map(leavesOf(proxy).map(({ serial, notAfter }) => [serial, Date.parse(notAfter)]));
  const paint = (serial: string, from: number, to: number, source: string): Bar => {
    const end = ends.get(serial);
    const x = scale.x(from);
    const width = Math.max(1, scale.x(to) - x);
    return {
      x,
      width,
      look: colour(serial),
      text: width > 8 * characterWidth ? serial.slice(0, 6) : '',
      title: `${source}: serial ${serial}, seen from ${scale.seconds(from)} s to ${scale.seconds(to)} s${end === undefined ? '' : `, valid until ${scale.seconds(end)} s`}`,
      moves: [],
      ...(end !== undefined && end < to && { expiredFrom: Math.max(x, scale.x(end)) }),
    };
  };
  const signed = proxy.issuer.flatMap((each, index): Bar[] => {
    const at = Date.parse(each.at);
    const next = Date.parse(proxy.issuer[index + 1]?.at ?? '');
    const end = Math.min(Date.parse(each.notAfter), Number.isNaN(next) ? Infinity : next);
    if (end <= scale.start) return [];
    return [{ ...paint(each.serial, at, end, `issuer, ${each.reason}`), validTo: scale.x(Date.parse(each.notAfter)) }];
  });
  const read = (source: string, runs: readonly Look[]): Bar[] =>
    stretches(runs).map(({ from, to, serial, title, moves }) => {
      if (serial !== undefined)
        return { ...paint(serial, from, to, source), moves: source === '/config_dump' ? moves.map(scale.x) : [] };
      const x = scale.x(from);
      return {
        x,
        width: Math.max(1, scale.x(to) - x),
        look: 'none',
        text: '',
        title: `${source}: ${title}`,
        moves: [],
      };
    });
  const dump = proxy.dump.map(({ leaf, ...run }) => ({ ...run, serial: leaf?.serial, title: 'no certificate' }));
  const certs = proxy.certs.map(({ entries, ...run }) => ({ ...run, serial: most(entries), title: 'no entry' }));
  const met = proxy.handshake.map(({ leaf, outcome, ...run }) => ({ ...run, serial: leaf?.serial, title: outcome }));
  return [
    ...(signed.length === 0 ? [] : [{ label: 'issuer signed', bars: signed }]),
    ...Object.entries({ '/config_dump': dump, '/certs': certs, handshake: met }).map(([label, runs]) => ({
      label,
      bars: read(label, runs),
    })),
  ];
}

/** What one look, or a run of equal ones, saw. */
interface Look {
  first: string;
  last: string;
  serial: string | undefined;
  title: string;
}

/** Runs with the same serial are one bar; each but the first moved something else than the serial. */
export function stretches(runs: readonly Look[]) {
  const merged: { from: number; to: number; serial: string | undefined; title: string; moves: number[] }[] = [];
  for (const [index, { first, last, serial, title }] of runs.entries()) {
    const from = Date.parse(first);
    const to = Date.parse(runs[index + 1]?.first ?? last);
    const before = merged.at(-1);
    if (before && before.serial === serial) {
      before.to = to;
      before.moves.push(from);
    } else merged.push({ from, to, serial, title, moves: [] });
  }
  return merged;
}

export function leavesOf(proxy: ProxyCourse): Leaf[] {
  return [...proxy.issuer, ...[...proxy.handshake, ...proxy.dump].flatMap(({ leaf }) => leaf ?? [])];
}

/** The serial that most contexts hold. */
export const most = (entries: Record<string, number>): string | undefined =>
  Object.entries(entries).toSorted(([, a], [, b]) => b - a)[0]?.[0];

/** A call that was not answered as wanted. */
export const isFailed = ({ status, outcome }: CallCourse['runs'][number]): boolean =>
  outcome !== 'response' || status >= 400;

export function callBars({ runs }: CallCourse, scale: Scale): Bar[] {
  return runs.map((run, index) => {
    const [from, to] = [Date.parse(run.first), Date.parse(runs[index + 1]?.first ?? run.last)];
    const x = scale.x(from);
    const width = Math.max(2, scale.x(to) - x);
    const answer = run.outcome === 'response' ? String(run.status) : run.outcome;
    const text = [answer, run.flags].filter((each) => each !== undefined).join(' ');
    return {
      x,
      width,
      look: isFailed(run) ? 'failed' : 'answered',
      text: isFailed(run) && width > text.length * characterWidth ? text : '',
      title: `${run.looks} calls from ${scale.seconds(from)} s: ${text}${run.failure === undefined ? '' : `, ${run.failure}`}`,
      moves: [],
    };
  });
}
