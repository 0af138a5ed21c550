import { course as courseSchema, type CertificateSource, type Course } from '#support/certificates.ts';
import { answer, missing, type FactExpectation, type Question } from '#verdict/expectation.ts';
import { upTo } from '../sock-shop.ts';

/** What a course answers: whether it is as expected, in a few words; or why nothing can be said. */
export type Answer = { met: boolean; seen: string } | { silent: string };

/** Asks one thing of a recorded course. */
export function ask(question: Question, weigh: (course: Course) => Answer): FactExpectation {
  return (name, value) => {
    if (value === undefined) return missing(question, `${name} was not recorded`);
    const parsed = courseSchema.safeParse(value);
    if (!parsed.success) return missing(question, `${name} is no course`);
    const found = weigh(parsed.data);
    return 'silent' in found ? missing(question, found.silent) : answer(question, found.met, found.seen.slice(0, 300));
  };
}

/** Weighs a course as if it had ended then: what came later is not this expectation's matter. */
export function ofFirstLifetimes(lifetimes: number, expectation: FactExpectation): FactExpectation {
  return (name, value) => {
    const parsed = courseSchema.safeParse(value);
    return expectation(name, parsed.success ? (upTo(parsed.data, lifetimes) as unknown as typeof value) : value);
  };
}

/** The witness that a source of certificates is. */
export const by = (source: CertificateSource, workload: string) =>
  ({ kind: 'certificate', from: `${source} of ${workload}` }) as const;
