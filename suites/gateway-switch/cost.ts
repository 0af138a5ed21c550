import { z } from 'zod';
import type { LoadEvidence } from '#support/load-evidence.ts';
import { budget, weigh, type Weighed } from '#verdict/budget.ts';
import { answer, missing } from '#verdict/expectation.ts';
import type { Finding } from '#verdict/result.ts';

const percentiles = ['p50', 'p95', 'p99'] as const;
const comparisons = ['plain-over-bare', 'mtls-over-plain', 'narrow-over-mtls'] as const;

/** suites/budgets/gateway-switch.*.yaml */
export const budgetFile = z.strictObject({
  schema: z.literal(1, 'expected schema: 1'),
  machine: z.string(),
  'gs-23': z.strictObject({
    rate: z.number().positive(),
    repeats: z.number().int().min(3),
    warmUpMs: z.number(),
    measuredMs: z.number(),
    measurements: z.number().int().min(1),
    /** By comparison and percentile; one that is left out is reported and not limited. */
    added: z.record(z.enum(comparisons), z.record(z.string(), budget)),
  }),
});
export type CostBudget = z.infer<typeof budgetFile>['gs-23'];

/** What the load goes through: nothing of the mesh; plaintext; mutual TLS; mutual TLS and a narrow policy. */
export const states = ['bare', 'plain', 'mtls', 'narrow'] as const;
export type State = (typeof states)[number];

/** Name of the stream of one state in one repeat; repeats are counted on through the measurements. */
export const streamOf = (state: State, repeat: number): string => `${state}-${repeat}`;

/** Repeats of one measurement: its number counts from 0. */
export const repeatsOf = ({ repeats }: CostBudget, measurement: number): number[] =>
  Array.from({ length: repeats }, (_, index) => measurement * repeats + index + 1);

/** Milliseconds that one state adds to another, in one measurement. */
export interface Added {
  comparison: (typeof comparisons)[number];
  percentile: (typeof percentiles)[number];
  limitMs: number;
  weighed: Weighed;
}

/** Weighs one measurement: every percentile of every comparison, each repeat against the other state in the same seconds. */
export function weighCost(loads: readonly LoadEvidence[], costs: CostBudget, measurement: number): Added[] {
  const latency = (state: State, repeat: number) => {
    const client = loads.find(({ name }) => name === streamOf(state, repeat))?.client;
    return client && client.dropped === 0 ? client.latencyMs : undefined;
  };
  return comparisons.flatMap((comparison) => {
    const [state, base] = comparison.split('-over-') as [State, State];
    return percentiles.flatMap((percentile): Added[] => {
      const limits = costs.added[comparison][percentile];
      if (!limits) return [];
      const added = repeatsOf(costs, measurement).flatMap((repeat) => {
        const [own, other] = [latency(state, repeat), latency(base, repeat)];
        return own && other ? [own[percentile] - other[percentile]] : [];
      });
      const limitMs = limits.baseline + limits.tolerance;
      return [{ comparison, percentile, limitMs, weighed: weigh(added, limits) }];
    });
  });
}

/** The first measurement that the machine was quiet for; else the last. */
export function quietMeasurement(loads: readonly LoadEvidence[], costs: CostBudget): number {
  const made = Array.from({ length: costs.measurements }, (_, index) => index).filter((measurement) =>
    repeatsOf(costs, measurement).some((repeat) => loads.some(({ name }) => name === streamOf('bare', repeat))),
  );
  return made.find((each) => !isNoisy(weighCost(loads, costs, each))) ?? made.at(-1) ?? 0;
}

/** True when nothing can be told from a measurement: no regression that every repeat shows, and repeats that disagree. */
export const isNoisy = (added: readonly Added[]): boolean =>
  !added.some(({ weighed }) => weighed.state === 'over') && added.some(({ weighed }) => weighed.state === 'noisy');

/** One finding for each comparison and percentile; a noisy one is a missing witness, and so leaves nothing decided. */
export function withinBudget(added: readonly Added[]): Finding[] {
  return added.map(({ comparison, percentile, limitMs, weighed: { state, median, lowest, highest } }) => {
    const question = {
      expectation: 'latency-budget',
      kind: 'client',
      from: `load ${comparison.split('-')[0]}`,
      expected: `${percentile} at most ${ms(limitMs)} over ${comparison.split('-').at(-1)}`,
    } as const;
    const repeats = `${percentile} ${signed(median)} (repeats ${signed(lowest)} to ${signed(highest)})`;
    const finding =
      state === 'noisy'
        ? missing(question, `machine too noisy: ${Number.isNaN(median) ? 'repeats are missing' : repeats}`)
        : answer(question, state === 'within', repeats);
    return { ...finding, probe: comparison };
  });
}

const ms = (value: number): string => `${value.toFixed(1)} ms`;
const signed = (value: number): string => `${value < 0 ? '' : '+'}${ms(value)}`;
