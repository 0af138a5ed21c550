import type { VerdictLine } from '#verdict/result.ts';

/** 1 when anything failed or a twin was missed, else 3 when anything is inconclusive, else 0. */
export function exitCodeOf(lines: readonly Pick<VerdictLine, 'verdict'>[]): number {
  if (lines.some(({ verdict }) => verdict === 'fail' || verdict === 'missed')) return 1;
  return lines.some(({ verdict }) => verdict === 'inconclusive') ? 3 : 0;
}
