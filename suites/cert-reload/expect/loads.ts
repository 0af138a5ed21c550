import { course as courseSchema, type Course } from '#support/certificates.ts';
import type { Evidence } from '#support/evidence.ts';
import { answer, missing, type LoadExpectation, type Question } from '#verdict/expectation.ts';
import { proxyOf } from '../sock-shop.ts';

/** Seconds before and after a renewal in which a request could pay for it. */
const around = 2;
/** Share of slow answers that p99 allows, at renewals and elsewhere. */
const slowShare = 0.01;

/**
 * Around each renewal of the server, p99 stays below what the plan calls slow; on a machine that is slow in between, too, renewals
 * must not be slower than the rest by more than half.
 */
export function quickAcross(evidence: Evidence, server: string): LoadExpectation {
  return (load) => {
    const question: Question = {
      expectation: 'quick-across-renewals',
      kind: 'client',
      from: `load ${load.name}`,
      expected: 'at most 1 % slow answers around renewals, or no more than 1.5 times those elsewhere',
    };
    const course = courseSchema.safeParse(evidence.facts['course']).data;
    const { client } = load;
    if (!course || !client) return [missing(question, client ? 'no course was recorded' : 'the load said nothing')];
    const start = Date.parse(client.startedAt);
    const switches = renewalsOf(course, server).map((at) => Math.floor((at - start) / 1000));
    if (switches.length === 0) return [missing(question, `no renewal of ${server}`)];
    const atSwitch = (second: number): boolean => switches.some((each) => Math.abs(each - second) <= around);
    const seconds = Array.from({ length: Math.floor(client.durationMs / 1000) }, (_, second) => second);
    const share = (of: (second: number) => boolean): number => {
      const answers = seconds.filter(of).length * client.rate;
      const slow = client.slow.filter(({ second }) => of(second)).reduce((sum, each) => sum + each.answers, 0);
      return answers === 0 ? 0 : slow / answers;
    };
    const [near, far] = [share(atSwitch), share((second) => !atSwitch(second))];
    const seen = `${percent(near)} slow around ${switches.length} renewals, ${percent(far)} elsewhere`;
    return [answer(question, near <= Math.max(slowShare, 1.5 * far), seen)];
  };
}

/** When the issuer signed anew for the server, in milliseconds since 1970. */
const renewalsOf = (course: Course, server: string): number[] =>
  (proxyOf(course, server)?.issuer ?? [])
    .filter(({ reason, at }) => reason === 'renewal' && at >= course.start)
    .map(({ at }) => Date.parse(at));

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;
