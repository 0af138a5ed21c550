import type { CallCourse, Course, ProxyCourse } from '#support/certificates.ts';
import { alarmTime } from '#support/renewal-alarm.ts';
import {
  geometry,
  place,
  scaleOf,
  turnAt,
  type Mark,
  type Scale,
  type Tick,
  type Timeline,
} from '#report/page/timeline-drawing.ts';
import { callBars, isFailed, leavesOf, most, sourceLanes, stretches } from '#report/page/timeline-lanes.ts';
import type { Finding } from '#verdict/result.ts';

const { step, row } = geometry;
const mostCalls = 6;
const mostStreams = 12;

/** The timelines of a course: first those whose certificate ended, then those with an alarm, then those with failed calls. */
export function timelinesOf(course: Course, findings: readonly Finding[] = []): Timeline[] {
  const trouble = ({ marks, calm }: Timeline): number =>
    marks.some(({ look }) => look === 'expiry') ? 0 : marks.length > 0 ? 1 : calm ? 3 : 2;
  return course.proxies.map((proxy) => timelineOf(proxy, course, findings)).toSorted((a, b) => trouble(a) - trouble(b));
}

function timelineOf(proxy: ProxyCourse, course: Course, findings: readonly Finding[]): Timeline {
  const scale = scaleOf(course);
  const events = place(eventsOf(proxy, course, scale));
  const marks = marksOf(proxy, course, scale);
  const eventRows = Math.max(0, ...events.map(({ y }) => y + 1));
  const top = 6 + eventRows * row;
  const calls = callsOf(proxy, course, marks.length > 0);
  const lanes = [
    ...sourceLanes(proxy, scale),
    ...calls.shown.map((each) => ({ label: callLabel(each, proxy), bars: callBars(each, scale) })),
  ].map((lane, index) => ({ ...lane, y: top + index * step }));
  const bottom = top + lanes.length * step;
  const failed = calls.all.filter(({ runs }) => runs.some(isFailed));
  const markRows = Math.max(0, ...marks.map(({ y }) => y + 1));
  return {
    workload: proxy.workload,
    envoy: proxy.envoy ?? '',
    told: findings.filter(({ witness }) => witness.from === `diagnosis of ${proxy.workload}`).map(({ seen }) => seen),
    summary: summaryOf(proxy, marks, failed, scale),
    calm: marks.length === 0 && failed.length === 0,
    lanes,
    marks: marks.map((each) => ({ ...each, y: bottom + 10 + each.y * row })),
    events: events.map((each) => ({ ...each, y: 10 + each.y * row })),
    seconds: secondsOf(course, scale),
    hiddenCalls: calls.all.length - calls.shown.length,
    height: bottom + markRows * row + 22,
    top,
    bottom,
  };
}

function eventsOf({ workload }: ProxyCourse, { events }: Course, scale: Scale): Omit<Tick, 'y'>[] {
  const all = events.filter((each) => each.workload === workload);
  const streams = all.filter(({ what }) => what.startsWith('stream-'));
  const [first] = streams;
  // Where each answer ends a stream, hundreds of ticks would hide all else.
  const own =
    first === undefined || streams.length <= mostStreams
      ? all
      : [
          ...all.filter((each) => !streams.includes(each)),
          { ...first, what: `${streams.length / 2} streams`, detail: '' },
        ];
  const ticks = own.map(({ at, what, detail }) => {
    const x = scale.x(Date.parse(at));
    const title = `${scale.seconds(Date.parse(at))} s: ${what}${detail === '' ? '' : `, ${detail}`}`;
    return { x, text: what === 'mode' || what === 'trust' ? detail : what, title, before: x > turnAt };
  });
  // Both streams of a proxy open and close together.
  return [...new Map(ticks.map((tick) => [tick.title, tick])).values()];
}

/** Where a certificate was still in force when its successor was overdue, and where it ended without one. */
function marksOf(proxy: ProxyCourse, { lifetimeSeconds }: Course, scale: Scale): Mark[] {
  const served = proxy.handshake.some(({ leaf }) => leaf)
    ? proxy.handshake.map(({ leaf, ...run }) => ({ ...run, serial: leaf?.serial, title: '' }))
    : proxy.certs.map(({ entries, ...run }) => ({ ...run, serial: most(entries), title: '' }));
  const leaves = new Map(leavesOf(proxy).map((leaf) => [leaf.serial, leaf]));
  const marks = stretches(served).flatMap(({ serial, to }) => {
    const leaf = serial === undefined ? undefined : leaves.get(serial);
    if (!leaf) return [];
    const [alarm, end] = [alarmTime(leaf, lifetimeSeconds), Date.parse(leaf.notAfter)];
    const mark = (at: number, look: Mark['look'], word: string): Omit<Mark, 'y'>[] => {
      if (at >= to) return [];
      const x = scale.x(at);
      return [{ x, look, text: `${word} ${scale.seconds(at)} s`, before: look === 'alarm' || x > turnAt }];
    };
    return [...mark(alarm, 'alarm', 'alarm'), ...mark(end, 'expiry', 'expired')];
  });
  return place(marks);
}

/** Calls to the proxy; of one that nobody calls and that is in trouble itself, those that it makes. */
function callsOf({ workload }: ProxyCourse, { calls }: Course, troubled: boolean) {
  const towards = calls.filter(({ to }) => to === workload);
  const all = towards.length > 0 || !troubled ? towards : calls.filter(({ from }) => from === workload);
  const failing = all.filter(({ runs }) => runs.some(isFailed));
  const rest = all.filter((each) => !failing.includes(each));
  const shown = [...failing, ...rest].slice(0, mostCalls);
  // Open and fresh connections between the same two, one below the other: that they differ tells the most.
  return { all, shown: all.filter((each) => shown.includes(each)) };
}

const callLabel = ({ from, to, connection }: CallCourse, { workload }: Pick<ProxyCourse, 'workload'>): string =>
  to === workload ? `${connection} \u2190 ${from}` : `${connection} \u2192 ${to}`;

function secondsOf({ start, end }: Course, scale: Scale): Tick[] {
  const total = (Date.parse(end) - Date.parse(start)) / 1000;
  const every = [5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600].find((each) => total / each <= 14) ?? 7200;
  return Array.from({ length: Math.floor(total / every) + 1 }, (_, index) => {
    const seconds = index * every;
    return { x: scale.x(Date.parse(start) + seconds * 1000), text: `${seconds}`, title: '', before: false, y: 0 };
  });
}

function summaryOf(proxy: ProxyCourse, marks: Mark[], failed: CallCourse[], scale: Scale): string {
  const serials = new Set(proxy.handshake.flatMap(({ leaf }) => leaf?.serial ?? []));
  const certificates = serials.size > 0 ? serials.size : new Set(proxy.certs.map(({ entries }) => most(entries))).size;
  const calls = failed.map((each) => {
    const bad = each.runs.filter(isFailed);
    const first = bad[0];
    const count = bad.reduce((sum, { looks }) => sum + looks, 0);
    const all = each.runs.reduce((sum, { looks }) => sum + looks, 0);
    const whom = each.to === proxy.workload ? `from ${each.from}` : `to ${each.to}`;
    return `${count} of ${all} ${each.connection} calls ${whom} failed, the first at ${scale.seconds(Date.parse(first?.first ?? ''))} s`;
  });
  return [
    `${certificates} ${certificates === 1 ? 'certificate' : 'certificates'} served`,
    ...marks.flatMap(({ text }) => (text === '' ? [] : [text])),
    ...calls.slice(0, 3),
    ...(calls.length > 3 ? [`${calls.length - 3} more kinds of calls failed`] : []),
  ].join('; ');
}
