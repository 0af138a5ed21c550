import { describe, expect, it } from 'vitest';
import { weigh } from '#verdict/budget.ts';

const budget = { baseline: 1, tolerance: 4, spread: 3 };

describe('weigh', () => {
  it.each([
    ['repeats near the baseline', [0.9, 1.2, 1.1], 'within'],
    ['one repeat over, all close together', [4, 4.5, 5.5], 'within'],
    ['every repeat over the limit', [21, 20.5, 22], 'over'],
    ['every repeat over the limit, and far apart', [21, 60, 300], 'noisy'],
    ['a median over the limit that not every repeat shares', [4, 6, 6.5], 'noisy'],
    ['a median within the limit among repeats far apart', [1, 1.2, 9], 'noisy'],
    ['too few repeats', [1, 1.1], 'noisy'],
    ['no repeats', [], 'noisy'],
  ] as const)('%s', (_, repeats, state) => {
    expect(weigh(repeats, budget).state).toBe(state);
  });
});
