import { diagnoseCourse } from '#diagnose/stories.ts';
import type { Story } from '#diagnose/story.ts';
import { course as courseSchema, type CallCourse, type CertificateSource, type Course } from '#support/certificates.ts';
import { answer, missing, type FactExpectation, type Question } from '#verdict/expectation.ts';
import { alarmOf, generationsOf, type Detector } from './generations.ts';
import { callsOf, proxyOf, secondsInto } from './sock-shop.ts';

/** What a course answers: whether it is as expected, in a few words; or why nothing can be said. */
export type Answer = { met: boolean; seen: string } | { silent: string };

/** Asks one thing of a recorded course. */
export function ofCourse(question: Question, ask: (course: Course) => Answer): FactExpectation {
  return (name, value) => {
    if (value === undefined) return missing(question, `${name} was not recorded`);
    const parsed = courseSchema.safeParse(value);
    if (!parsed.success) return missing(question, `${name} is no course`);
    const found = ask(parsed.data);
    return 'silent' in found ? missing(question, found.silent) : answer(question, found.met, found.seen.slice(0, 300));
  };
}

/** By this source, the proxy got a new certificate at least so often, each before the one before it ended. */
export function renewedInTime(workload: string, source: CertificateSource, least: number): FactExpectation {
  const expected = `${least} renewals or more, each before the expiry of the one before`;
  return ofCourse({ ...by(source, workload), expectation: 'renewed-in-time', expected }, (course) => {
    const proxy = proxyOf(course, workload);
    const generations = proxy ? generationsOf(proxy, source) : [];
    if (generations.length === 0) return { silent: `${source} told nothing of ${workload}` };
    const late = generations.slice(1).find(({ first }, index) => {
      const before = generations[index]?.notAfter;
      return before !== undefined && Date.parse(first) > Date.parse(before);
    });
    const renewals = generations.length - 1;
    const seen = late ? `serial ${late.serial} came after expiry` : `${renewals} renewals`;
    return { met: renewals >= least && !late, seen };
  });
}

/** All sources that tell of serials name the same one at the end. */
export function sourcesAgree(workload: string): FactExpectation {
  const question = { kind: 'certificate', from: `four sources of ${workload}`, expectation: 'sources-agree' } as const;
  return ofCourse({ ...question, expected: 'one serial, by all of them' }, (course) => {
    const proxy = proxyOf(course, workload);
    if (!proxy) return { silent: `${workload} was not watched` };
    const told = (['issuer', 'dump', 'certs', 'handshake'] as const).flatMap((source) => {
      const last = generationsOf(proxy, source).at(-1);
      return last ? [`${source} ${last.serial.slice(0, 8)}`] : [];
    });
    const serials = new Set(told.map((each) => each.split(' ')[1]));
    if (told.length < 3) return { silent: `only ${told.join(', ') || 'none'} told a serial` };
    return { met: serials.size === 1, seen: told.join(', ') };
  });
}

/** No call of this kind failed. */
export function neverFailed(
  from: string,
  to: string,
  connection: CallCourse['connection'] = 'fresh',
): FactExpectation {
  return ofCourse(
    { expectation: 'no-failure', kind: 'client', from, expected: `${connection} calls to ${to}: 200, all of them` },
    (course) => {
      const calls = callsOf(course, from, to, connection);
      if (!calls || calls.runs.length === 0) return { silent: `${from} made no ${connection} calls to ${to}` };
      const failed = calls.runs.filter(({ status }) => status !== 200);
      return { met: failed.length === 0, seen: failed.length === 0 ? lookedAt(calls) : failuresOf(course, failed) };
    },
  );
}

/** An alarm was due while at least a sixth of the lifetime was left: no new certificate by 5/6 of it. */
export function alarmedInTime(workload: string, detector: Detector = 'serial', share?: number): FactExpectation {
  const expected = 'no renewal by 5/6 of the lifetime, told before expiry';
  const from = `${detector} of ${workload}`;
  return ofCourse({ expectation: 'alarm-in-time', kind: 'certificate', from, expected }, (course) => {
    if (!proxyOf(course, workload)?.handshake.length) return { silent: `no handshake with ${workload}` };
    const alarm = alarmOf(course, workload, detector, share);
    if (!alarm) return { met: false, seen: 'no alarm' };
    const left = (Date.parse(alarm.notAfter) - Date.parse(alarm.at)) / 1000;
    const seen = `alarm at ${secondsInto(course, alarm.at)} s, ${Math.round(left)} s before expiry`;
    return { met: left >= course.lifetimeSeconds / 6 - 1, seen };
  });
}

/** Every renewal came in time: nothing to be warned of. */
export function neverAlarmed(workload: string): FactExpectation {
  const question = { expectation: 'no-alarm', kind: 'certificate', from: `serial of ${workload}` } as const;
  return ofCourse({ ...question, expected: 'a renewal before 5/6 of every lifetime' }, (course) => {
    if (!proxyOf(course, workload)?.handshake.length) return { silent: `no handshake with ${workload}` };
    const alarm = alarmOf(course, workload);
    return { met: !alarm, seen: alarm ? `alarm at ${secondsInto(course, alarm.at)} s` : 'no alarm' };
  });
}

/** A counter or gauge of the proxy rose over the course, summed over all whose names end so. */
export function rose(workload: string, ending: string, least: number, expectation = 'counter-rose'): FactExpectation {
  const question = { expectation, kind: 'counter', from: workload, expected: `${ending} +${least} or more` } as const;
  return ofCourse(question, (course) => {
    const own = proxyOf(course, workload)?.counters.filter(({ stat }) => stat.endsWith(ending)) ?? [];
    if (own.length === 0) return { silent: `no counter of ${workload} ends in ${ending}` };
    const risen = own.reduce((sum, { points }) => sum + (points.at(-1)?.[1] ?? 0) - (points[0]?.[1] ?? 0), 0);
    return { met: risen >= least, seen: `${ending} +${risen}` };
  });
}

export const by = (source: CertificateSource, workload: string) =>
  ({ kind: 'certificate', from: `${source} of ${workload}` }) as const;

const lookedAt = ({ runs }: CallCourse): string => `${runs.reduce((sum, { looks }) => sum + looks, 0)} calls, all 200`;

/** The first failures in a few words. */
export const failuresOf = (course: Course, failed: CallCourse['runs']): string =>
  failed
    .slice(0, 3)
    .map(({ first, status, outcome, flags = '', failure = '' }) =>
      `${status || outcome} ${flags} from ${secondsInto(course, first)} s ${failure.slice(0, 60)}`.trim(),
    )
    .join('; ');

/** The alarm was due before the first call to this workload failed. */
export function alarmedBeforeFailure(from: string, to: string): FactExpectation {
  const question = { expectation: 'alarm-before-failure', kind: 'client', from, expected: 'an alarm, then the first 503' };
  return ofCourse(question as Question, (course) => {
    const calls = callsOf(course, from, to);
    const failed = calls?.runs.find(({ status }) => status !== 200);
    if (!calls) return { silent: `${from} made no calls to ${to}` };
    if (!failed) return { silent: `no call to ${to} failed: the refused renewal was not lived through` };
    const alarm = alarmOf(course, to);
    const seen = `alarm at ${alarm ? secondsInto(course, alarm.at) : 'no'} s, first failure at ${secondsInto(course, failed.first)} s`;
    return { met: alarm !== undefined && Date.parse(alarm.at) < Date.parse(failed.first), seen };
  });
}

/** How calls of one kind fail, in the words of the caller's proxy. */
export interface Failure {
  status: number;
  /** One of these response flags must be among those logged. */
  flags: readonly string[];
  /** Words of the transport failure reason. */
  reason: RegExp;
}

/**
 * From one time on every call fails so, and until then none does.
 *
 * @param between when the first failure is due, in lifetimes since the start of the course
 */
export function failsFrom(
  from: string,
  to: string,
  between: readonly [earliest: number, latest: number],
  { status, flags, reason }: Failure,
  connection: CallCourse['connection'] = 'fresh',
): FactExpectation {
  const expected = `${connection} calls to ${to}: ${status}, ${flags.join(' or ')}, ${reason.source}, once the certificate has expired`;
  return ofCourse({ expectation: 'fails-once-expired', kind: 'source-log', from, expected }, (course) => {
    const calls = callsOf(course, from, to, connection);
    if (!calls || calls.runs.length === 0) return { silent: `${from} made no ${connection} calls to ${to}` };
    const [earliest, latest] = between.map((each) => each * course.lifetimeSeconds) as [number, number];
    const failed = calls.runs.filter((each) => each.status !== 200);
    const [first] = failed;
    if (!first) return { met: false, seen: lookedAt(calls) };
    const at = secondsInto(course, first.first);
    const odd = failed.find(
      (each) =>
        each.status !== status ||
        !flags.some((flag) => (each.flags ?? '').split(',').includes(flag)) ||
        !reason.test(each.failure ?? ''),
    );
    return { met: at >= earliest && at <= latest && !odd, seen: failuresOf(course, odd ? [odd] : failed) };
  });
}

/** What a fresh handshake with a workload was served last: a certificate that had expired by then. */
export function servesExpired(workload: string): FactExpectation {
  const question = { ...by('handshake', workload), expectation: 'serves-expired', expected: 'an expired certificate' };
  return ofCourse(question, (course) => {
    const last = proxyOf(course, workload)?.handshake.at(-1);
    if (!last?.leaf) return { silent: `no handshake with ${workload}` };
    const over = (Date.parse(last.last) - Date.parse(last.leaf.notAfter)) / 1000;
    return { met: over > 0, seen: `serial ${last.leaf.serial.slice(0, 8)}, expired for ${Math.round(over)} s` };
  });
}

/** The same by `/certs`. */
export function listsExpired(workload: string): FactExpectation {
  const question = { ...by('certs', workload), expectation: 'lists-expired', expected: 'an expired entry' };
  return ofCourse(question, (course) => {
    const last = proxyOf(course, workload)?.certs.at(-1);
    if (last?.notAfter === undefined) return { silent: `no /certs of ${workload}` };
    const over = (Date.parse(last.last) - Date.parse(last.notAfter)) / 1000;
    const entries = Object.values(last.entries).reduce((sum, count) => sum + count, 0);
    return { met: over > 0, seen: `${entries} entries, the first to end expired for ${Math.round(over)} s` };
  });
}

/** How often the issuer signed for a workload over the course, the pair of the start included. */
export function issuedBetween(workload: string, least: number, most = Infinity): FactExpectation {
  const expected = most === Infinity ? `${least} certificates or more` : `${least} to ${most} certificates`;
  return ofCourse({ ...by('issuer', workload), expectation: 'issued', expected }, (course) => {
    const issued = proxyOf(course, workload)?.issuer ?? [];
    if (issued.length === 0) return { silent: `the issuer tells nothing of ${workload}` };
    const own = issued.filter(({ at }) => Date.parse(at) >= Date.parse(course.start) - courseStartMs);
    return { met: own.length >= least && own.length <= most, seen: `${own.length} certificates` };
  });
}

/** The pair that a course starts with is signed while its proxies are made ready, up to a minute before its first second. */
const courseStartMs = 60_000;

/** Diagnosis, from all sources at once, tells this story of the workload. */
export function toldAs(workload: string, story: Story): FactExpectation {
  const question = { expectation: 'story', kind: 'certificate', from: `diagnosis of ${workload}` } as const;
  return ofCourse({ ...question, expected: story }, (course) => {
    const found = diagnoseCourse(course)[workload];
    if (!found || found.story === 'undecided') return { silent: found?.sentence ?? `${workload} was not watched` };
    return { met: found.story === story, seen: `${found.story}: ${found.sentence}` };
  });
}

/** Whether the dump looked renewed while the certificate stayed the same: the evidence that misleads. */
export function dumpRefreshed(workload: string, refreshed: boolean): FactExpectation {
  const question = { ...by('dump', workload), expectation: refreshed ? 'dump-refreshed' : 'dump-left-alone' };
  const expected = refreshed ? 'a newer version of the same serial' : 'the version of the start';
  return ofCourse({ ...question, expected }, (course) => {
    const runs = proxyOf(course, workload)?.dump.filter(({ leaf }) => leaf) ?? [];
    const last = runs.at(-1);
    if (!last) return { silent: `no dump of ${workload}` };
    const versions = new Set(runs.flatMap(({ leaf, version }) => (leaf?.serial === last.leaf?.serial ? version : [])));
    return { met: versions.size > 1 === refreshed, seen: `${versions.size} versions of one serial` };
  });
}

/** A probe of this kind saw calls fail. */
export function outageSeenBy(from: string, to: string, connection: CallCourse['connection']): FactExpectation {
  const question = { expectation: 'outage-seen', kind: 'client', from, expected: `${connection} calls to ${to} that fail` };
  return ofCourse(question as Question, (course) => {
    const calls = callsOf(course, from, to, connection);
    if (!calls) return { silent: `${from} made no ${connection} calls to ${to}` };
    const failed = calls.runs.filter(({ status }) => status !== 200);
    return { met: failed.length > 0, seen: failed.length > 0 ? failuresOf(course, failed) : lookedAt(calls) };
  });
}
