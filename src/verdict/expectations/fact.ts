import type { z } from 'zod';
import { answer, missing, type FactExpectation } from '#verdict/expectation.ts';
import type { WitnessKind } from '#verdict/result.ts';

/** What is asked of a recorded fact. */
export interface FactQuestion<S extends z.ZodType> {
  expectation: string;
  kind: WitnessKind;
  /** Who said it: `API server`, `Envoy admin of envoy-gateway`. */
  from: string;
  expected: string;
  /** The shape the fact must have; another shape is a missing witness. */
  shape: S;
  met: (value: z.output<S>) => boolean;
  /** The fact in a few words. Default: its JSON. */
  seen?: (value: z.output<S>) => string;
}

/** Weighs one recorded fact: an object listing, an admin page, the output of a command. */
export function factIs<S extends z.ZodType>(question: FactQuestion<S>): FactExpectation {
  const { expectation, kind, from, expected, shape, met, seen = (value) => JSON.stringify(value) } = question;
  const asked = { expectation, kind, from, expected };
  return (name, value) => {
    if (value === undefined) return missing(asked, `${name} was not recorded`);
    const parsed = shape.safeParse(value);
    if (!parsed.success) return missing(asked, `${name} is not of the expected shape`);
    return answer(asked, met(parsed.data), seen(parsed.data).slice(0, 300));
  };
}
