import { upTo as proxyUpTo } from '#diagnose/generations.ts';
import type { CallCourse, Course, ProxyCourse } from '#support/certificates.ts';

/** One proxy of a course; undefined when it was not watched. */
export const proxyOf = ({ proxies }: Course, workload: string): ProxyCourse | undefined =>
  proxies.find((each) => each.workload === workload);

/** Calls of one kind; undefined when none were made. */
export const callsOf = (
  { calls }: Course,
  from: string,
  to: string,
  connection: CallCourse['connection'] = 'fresh',
): CallCourse | undefined =>
  calls.find((each) => each.from === from && each.to === to && each.connection === connection);

/** Milliseconds since 1970 of a time in a course, in lifetimes since its start. */
export const timeOf = ({ start, lifetimeSeconds }: Course, lifetimes: number): number =>
  Date.parse(start) + lifetimes * lifetimeSeconds * 1000;

/** A time of a course as seconds since its start. */
export const secondsInto = ({ start }: Course, at: string): number =>
  Math.round((Date.parse(at) - Date.parse(start)) / 100) / 10;

/** What a course was up to a time, as if it had been stopped then. */
export function upTo(course: Course, lifetimes: number): Course {
  const end = timeOf(course, lifetimes);
  const before = (at: string): boolean => Date.parse(at) <= end;
  return {
    ...course,
    end: new Date(end).toISOString(),
    proxies: course.proxies.map((each) => proxyUpTo(each, end, Date.parse(course.start))),
    calls: course.calls.map((each) => ({ ...each, runs: each.runs.filter(({ first }) => before(first)) })),
    events: course.events.filter(({ at }) => before(at)),
  };
}
