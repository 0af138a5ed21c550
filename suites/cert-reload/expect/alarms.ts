import type { FactExpectation } from '#verdict/expectation.ts';
import { alarmOf, type Detector } from '../generations.ts';
import { callsOf, proxyOf, secondsInto, timeOf } from '../sock-shop.ts';
import { ask, by } from './ask.ts';

/** An alarm was due while at least a sixth of the lifetime was left: no new certificate by 5/6 of it. */
export function alarmedInTime(workload: string, detector: Detector = 'serial', share?: number): FactExpectation {
  const expected = 'no renewal by 5/6 of the lifetime, told before expiry';
  const from = `${detector} of ${workload}`;
  return ask({ expectation: 'alarm-in-time', kind: 'certificate', from, expected }, (course) => {
    if (!proxyOf(course, workload)?.handshake.length) return { silent: `no handshake with ${workload}` };
    const alarm = alarmOf(course, workload, detector, share);
    if (!alarm) return { met: false, seen: 'no alarm' };
    const left = (Date.parse(alarm.notAfter) - Date.parse(alarm.at)) / 1000;
    const seen = `alarm at ${secondsInto(course, alarm.at)} s, ${Math.round(left)} s before expiry`;
    return { met: left >= course.lifetimeSeconds / 6 - 1, seen };
  });
}

/**
 * Every renewal came in time: nothing to be warned of.
 *
 * @param since from this time of the course on, in lifetimes
 */
export function neverAlarmed(workload: string, since = -Infinity): FactExpectation {
  const question = { expectation: 'no-alarm', kind: 'certificate', from: `serial of ${workload}` } as const;
  return ask({ ...question, expected: 'a renewal before 5/6 of every lifetime' }, (course) => {
    if (!proxyOf(course, workload)?.handshake.length) return { silent: `no handshake with ${workload}` };
    const alarm = alarmOf(course, workload, 'serial', undefined, timeOf(course, since));
    return { met: !alarm, seen: alarm ? `alarm at ${secondsInto(course, alarm.at)} s` : 'no alarm' };
  });
}

/** The alarm was due before the first call to this workload failed. */
export function alarmedBeforeFailure(from: string, to: string): FactExpectation {
  const question = { expectation: 'alarm-before-failure', kind: 'client', from } as const;
  return ask({ ...question, expected: 'an alarm, then the first 503' }, (course) => {
    const calls = callsOf(course, from, to);
    const failed = calls?.runs.find(({ status }) => status !== 200);
    if (!calls) return { silent: `${from} made no calls to ${to}` };
    if (!failed) return { silent: `no call to ${to} failed: the refused renewal was not lived through` };
    const alarm = alarmOf(course, to);
    const told = alarm ? `alarm at ${secondsInto(course, alarm.at)} s` : 'no alarm';
    const seen = `${told}, first failure at ${secondsInto(course, failed.first)} s`;
    return { met: alarm !== undefined && Date.parse(alarm.at) < Date.parse(failed.first), seen };
  });
}

/**
 * An issuer that stops renewing at a time of the course is found within the lifetime that it broke.
 *
 * @param since in lifetimes from the start of the course
 * @param lifetime of what it signs, in lifetimes of the course: more than one when its clock is ahead
 */
export function foundInItsLifetime(workload: string, since: number, lifetime = 1): FactExpectation {
  const question = {
    expectation: 'found-in-its-lifetime',
    kind: 'certificate',
    from: `serial of ${workload}`,
  } as const;
  return ask({ ...question, expected: `an alarm within ${lifetime} lifetimes of ${since.toFixed(1)}` }, (course) => {
    if (!proxyOf(course, workload)?.handshake.length) return { silent: `no handshake with ${workload}` };
    const from = timeOf(course, since);
    const alarm = alarmOf(course, workload, 'serial', undefined, from);
    const within = alarm !== undefined && Date.parse(alarm.at) <= from + lifetime * course.lifetimeSeconds * 1000;
    return { met: within, seen: alarm ? `alarm at ${secondsInto(course, alarm.at)} s` : 'no alarm' };
  });
}

/** Envoy's gauge of whole days says the same before, at and after expiry. */
export function dayGaugeUseless(workload: string): FactExpectation {
  const stat = 'server.days_until_first_cert_expiring';
  const question = { expectation: 'day-gauge-useless', kind: 'counter', from: workload } as const;
  return ask({ ...question, expected: `${stat} the same throughout` }, (course) => {
    const gauge = proxyOf(course, workload)?.counters.find((each) => each.stat === stat);
    if (!gauge) return { silent: `${workload} has no ${stat}` };
    return { met: gauge.points.length === 1, seen: gauge.points.map(([, value]) => value).join(', then ') };
  });
}

/** A gap between two certificates that the issuer signed was never longer than the alarm allows, and there were enough of them. */
export function cadenceOf(workload: string, renewAt: number): FactExpectation {
  const expected = 'a certificate for each renewal interval less one, and no gap over 5/6 of a lifetime';
  return ask({ ...by('issuer', workload), expectation: 'cadence', expected }, (course) => {
    const times = (proxyOf(course, workload)?.issuer ?? []).map(({ at }) => Date.parse(at));
    if (times.length === 0) return { silent: `the issuer tells nothing of ${workload}` };
    const length = (Date.parse(course.end) - Date.parse(course.start)) / 1000;
    const least = Math.floor(length / (renewAt * course.lifetimeSeconds)) - 1;
    const own = times.filter((at) => at >= Date.parse(course.start));
    const limit = (5 / 6) * course.lifetimeSeconds;
    const marks = [Math.max(...times.filter((at) => at < Date.parse(course.start))), ...own, Date.parse(course.end)];
    const slot = marks.slice(1).findIndex((at, index) => at - (marks[index] ?? at) > limit * 1000);
    const missed =
      slot < 0
        ? ''
        : `, none within ${Math.round(limit)} s of the one at ${secondsInto(course, new Date(marks[slot] ?? 0).toISOString())} s`;
    return { met: own.length >= least && slot < 0, seen: `${own.length} signed, ${least} due${missed}` };
  });
}
