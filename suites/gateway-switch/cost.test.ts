import { describe, expect, it } from 'vitest';
import type { LoadEvidence } from '#support/load-evidence.ts';
import { isNoisy, quietMeasurement, states, streamOf, weighCost, withinBudget, type CostBudget } from './cost.ts';

const limits = { p50: { baseline: 1, tolerance: 4, spread: 3 } };
const costs: CostBudget = {
  rate: 40,
  repeats: 3,
  warmUpMs: 1_000,
  measuredMs: 5_000,
  measurements: 3,
  added: { 'plain-over-bare': limits, 'mtls-over-plain': limits, 'narrow-over-mtls': limits },
};

/** One measurement: for each repeat, p50 of the four states in turn. */
function measured(number: number, repeats: number[][], dropped = 0): LoadEvidence[] {
  return repeats.flatMap((p50s, place) =>
    p50s.map((p50, index) => ({
      name: streamOf(states[index] ?? 'bare', number * costs.repeats + place + 1),
      from: 'outside',
      url: '',
      client: {
        rate: 40,
        durationMs: 6_000,
        sent: 240,
        answered: { 200: 240 },
        failed: 0,
        dropped,
        interrupted: 0,
        latencyMs: { p50, p95: p50, p99: p50, max: p50 },
        thresholds: { 'failures rate==0': true },
        startedAt: '',
        slow: [],
        failures: [],
      },
      ledgers: {},
      silent: [],
    })),
  );
}
const quiet = [
  [1, 4, 5, 5],
  [1, 4, 5, 5.5],
  [1, 5, 5.5, 6],
];
const late = quiet.map(([bare = 0, ...hops]) => [bare, ...hops.map((p50) => p50 + 20)]);
const noisy = [[1, 4, 5, 5], [2, 60, 70, 80], quiet[2] ?? []];

describe('the cost of a hop', () => {
  it('is what a state adds in the same seconds', () => {
    const added = weighCost(measured(0, quiet), costs, 0);
    expect(added.map(({ comparison, weighed }) => [comparison, weighed.state, weighed.median])).toEqual([
      ['plain-over-bare', 'within', 3],
      ['mtls-over-plain', 'within', 1],
      ['narrow-over-mtls', 'within', 0.5],
    ]);
  });

  it('is over its budget when every repeat says so, and then not noisy', () => {
    const added = weighCost(measured(0, late), costs, 0);
    expect(isNoisy(added)).toBe(false);
    expect(withinBudget(added).map(({ probe, state }) => `${probe} ${state}`)).toEqual([
      'plain-over-bare broken',
      'mtls-over-plain met',
      'narrow-over-mtls met',
    ]);
  });

  it('is left open, in words, by a noisy machine or by requests that were not sent', () => {
    for (const loads of [measured(0, noisy), measured(0, quiet, 1), []]) {
      const [finding] = withinBudget(weighCost(loads, costs, 0));
      expect(finding).toMatchObject({ state: 'missing', seen: expect.stringMatching(/^machine too noisy/) as string });
    }
  });

  it('is taken from the first quiet measurement, else from the last', () => {
    expect(quietMeasurement([...measured(0, noisy), ...measured(1, quiet)], costs)).toBe(1);
    expect(quietMeasurement([...measured(0, quiet), ...measured(1, noisy)], costs)).toBe(0);
    expect(quietMeasurement([...measured(0, noisy), ...measured(1, noisy)], costs)).toBe(1);
    expect(quietMeasurement([], costs)).toBe(0);
  });
});
