import { z } from 'zod';

/** What one quantity may cost on one class of machine: all in the unit of the quantity. */
export const budget = z.strictObject({
  /** Median of the repeats when the budget was written. */
  baseline: z.number(),
  /** How much more than the baseline is a regression. */
  tolerance: z.number().positive(),
  /** Repeats that lie further apart than this say that the machine was busy with something else. */
  spread: z.number().positive(),
});
export type Budget = z.infer<typeof budget>;

/** Within, over, or not to be told: `noisy` is never a guess in either direction. */
export interface Weighed {
  state: 'within' | 'over' | 'noisy';
  median: number;
  lowest: number;
  highest: number;
}

/**
 * Weighs repeats of one measurement against its budget. Repeats that do not agree decide nothing. Over is only what every repeat
 * says, so that one bad moment of a shared machine is no regression.
 *
 * @param repeats at least three
 */
export function weigh(repeats: readonly number[], { baseline, tolerance, spread }: Budget): Weighed {
  const sorted = repeats.toSorted((one, other) => one - other);
  const [lowest, median, highest] = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  if (lowest === undefined || median === undefined || highest === undefined || sorted.length < 3)
    return { state: 'noisy', median: Number.NaN, lowest: Number.NaN, highest: Number.NaN };
  const limit = baseline + tolerance;
  const told = { median, lowest, highest };
  if (highest - lowest > spread) return { state: 'noisy', ...told };
  if (lowest > limit) return { state: 'over', ...told };
  return { state: median <= limit ? 'within' : 'noisy', ...told };
}
