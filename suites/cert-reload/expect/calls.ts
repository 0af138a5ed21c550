import type { CallCourse, Course } from '#support/certificates.ts';
import type { FactExpectation } from '#verdict/expectation.ts';
import { callsOf, proxyOf, secondsInto } from '../sock-shop.ts';
import { ask } from './ask.ts';

type Connection = CallCourse['connection'];

/** How calls of one kind fail, in the words of the caller's proxy. */
export interface Failure {
  status: number;
  /** One of these response flags must be among those logged. */
  flags: readonly string[];
  /** Words of the transport failure reason. */
  reason: RegExp;
}

/** No call of this kind failed. */
export function neverFailed(from: string, to: string, connection: Connection = 'fresh'): FactExpectation {
  const expected = `${connection} calls to ${to}: 200, all of them`;
  return ask({ expectation: 'no-failure', kind: 'client', from: `${from}, ${connection}`, expected }, (course) => {
    const calls = callsOf(course, from, to, connection);
    if (!calls || calls.runs.length === 0) return { silent: `${from} made no ${connection} calls to ${to}` };
    const failed = calls.runs.filter(({ status }) => status !== 200);
    return { met: failed.length === 0, seen: failed.length === 0 ? allWell(calls) : failuresOf(course, failed) };
  });
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
): FactExpectation {
  const expected = `fresh calls to ${to}: ${status}, ${flags.join(' or ')}, ${reason.source}, from ${between.join(' to ')} lifetimes on`;
  return ask({ expectation: 'fails-as-stated', kind: 'source-log', from, expected }, (course) => {
    const calls = callsOf(course, from, to);
    if (!calls || calls.runs.length === 0) return { silent: `${from} made no fresh calls to ${to}` };
    const [earliest, latest] = between.map((each) => each * course.lifetimeSeconds) as [number, number];
    const failed = calls.runs.filter((each) => each.status !== 200);
    const [first] = failed;
    if (!first) return { met: false, seen: allWell(calls) };
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

/** Calls fail between two times, given in lifetimes, and at no other; and they do fail. */
export function failsOnlyBetween(from: string, to: string, between: readonly [number, number]): FactExpectation {
  const expected = `fresh calls to ${to} fail between ${between.join(' and ')} lifetimes only`;
  return ask({ expectation: 'fails-only-while-expired', kind: 'client', from, expected }, (course) => {
    const calls = callsOf(course, from, to);
    if (!calls || calls.runs.length === 0) return { silent: `${from} made no fresh calls to ${to}` };
    const [earliest, latest] = between.map((each) => each * course.lifetimeSeconds) as [number, number];
    const failed = calls.runs.filter(({ status }) => status !== 200);
    const inside = failed.every(
      ({ first, last }) => secondsInto(course, first) >= earliest && secondsInto(course, last) <= latest,
    );
    return { met: failed.length > 0 && inside, seen: failed.length > 0 ? failuresOf(course, failed) : allWell(calls) };
  });
}

/** A probe of this kind saw calls fail. */
export function outageSeenBy(from: string, to: string, connection: Connection): FactExpectation {
  const question = { expectation: 'outage-seen', kind: 'client', from: `${from}, ${connection}` } as const;
  return ask({ ...question, expected: `${connection} calls to ${to} that fail` }, (course) => {
    const calls = callsOf(course, from, to, connection);
    if (!calls) return { silent: `${from} made no ${connection} calls to ${to}` };
    const failed = calls.runs.filter(({ status }) => status !== 200);
    return { met: failed.length > 0, seen: failed.length > 0 ? failuresOf(course, failed) : allWell(calls) };
  });
}

/** Calls fail for want of trust: the caller's proxy does not know who issued the certificate. */
export function bundleFailure(from: string, to: string): FactExpectation {
  const question = { expectation: 'fails-for-the-bundle', kind: 'source-log', from } as const;
  return ask({ ...question, expected: `calls to ${to} that fail to verify the certificate` }, (course) => {
    const calls = callsOf(course, from, to);
    if (!calls) return { silent: `${from} made no calls to ${to}` };
    const failed = calls.runs.filter(({ status }) => status !== 200);
    const met =
      failed.length > 0 && failed.every(({ failure = '' }) => /CERTIFICATE_VERIFY_FAILED|unknown.ca/i.test(failure));
    return { met, seen: failed.length > 0 ? failuresOf(course, failed) : allWell(calls) };
  });
}

/** A restart is followed by calls that are answered, where calls before it failed. */
export function healedByRestart(from: string, to: string): FactExpectation {
  const question = {
    expectation: 'healed',
    kind: 'client',
    from,
    expected: `calls to ${to} answered after the restart`,
  } as const;
  return ask(question, (course) => {
    const restart = restartOf(course, to);
    const calls = callsOf(course, from, to);
    if (restart === undefined || !calls) return { silent: `${to} was not restarted under calls` };
    const after = calls.runs.filter(({ first }) => Date.parse(first) > restart);
    const healed = after.find(({ status, looks }) => status === 200 && looks >= 5);
    return {
      met: healed !== undefined,
      seen: healed ? `well from ${secondsInto(course, healed.first)} s on` : failuresOf(course, after),
    };
  });
}

/** After a restart healed them, calls fail again for want of a renewal. */
export function brokenAgain(from: string, to: string): FactExpectation {
  const question = {
    expectation: 'broken-again',
    kind: 'client',
    from,
    expected: `calls to ${to} that fail a second time`,
  } as const;
  return ask(question, (course) => {
    const restart = restartOf(course, to);
    const calls = callsOf(course, from, to);
    if (restart === undefined || !calls) return { silent: `${to} was not restarted under calls` };
    const after = calls.runs.filter(({ first }) => Date.parse(first) > restart);
    const healed = after.findIndex(({ status, looks }) => status === 200 && looks >= 5);
    const again = healed < 0 ? [] : after.slice(healed + 1).filter(({ status }) => status !== 200);
    return { met: again.length > 0, seen: again.length > 0 ? failuresOf(course, again) : 'no second failure' };
  });
}

/** After the node came back, calls are answered within this time, and no container was started anew. */
export function recovered(from: string, to: string, withinSeconds: number): FactExpectation {
  const expected = `calls to ${to} answered within ${withinSeconds} s of the node's return, and from then on`;
  return ask({ expectation: 'recovered', kind: 'client', from, expected }, (course) => {
    const resumed = course.events.find(({ what }) => what === 'resumed');
    const calls = callsOf(course, from, to);
    if (!resumed || !calls) return { silent: `the node was not suspended under calls to ${to}` };
    const back = Date.parse(resumed.at);
    const failed = calls.runs.filter(({ status, last }) => status !== 200 && Date.parse(last) > back);
    const late = failed.find(({ last }) => Date.parse(last) > back + withinSeconds * 1000);
    const last = failed.at(-1);
    const seen = last
      ? `last failure ${(Date.parse(last.last) - back) / 1000} s after the return`
      : 'no failure after the return';
    return { met: !late && calls.runs.at(-1)?.status === 200, seen };
  });
}

/** The page of a workload answers, by handshakes from outside that go on to a request. */
export function pageAnswers(workload: string): FactExpectation {
  const question = {
    expectation: 'page-answers',
    kind: 'client',
    from: 'handshaker',
    expected: `200 from ${workload}`,
  } as const;
  return ask(question, (course) => {
    const runs = proxyOf(course, workload)?.handshake ?? [];
    if (runs.length === 0) return { silent: `no handshake with ${workload}` };
    const other = runs.find(({ outcome }) => outcome !== 'status 200');
    return { met: !other, seen: other?.outcome ?? 'status 200, every time' };
  });
}

/** Time of the rollout restart of a workload, in milliseconds since 1970. */
export function restartOf({ events }: Course, workload: string): number | undefined {
  const restart = events.find((each) => each.workload === workload && each.what === 'restart');
  return restart && Date.parse(restart.at);
}

const allWell = ({ runs }: CallCourse): string => `${runs.reduce((sum, { looks }) => sum + looks, 0)} calls, all 200`;

/** The first failures in a few words. */
const failuresOf = (course: Course, failed: CallCourse['runs']): string =>
  failed
    .slice(0, 3)
    .map(({ first, status, outcome, flags = '', failure = '' }) =>
      `${status || outcome} ${flags} from ${secondsInto(course, first)} s ${failure.slice(0, 80)}`.trim(),
    )
    .join('; ');
