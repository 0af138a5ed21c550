import type { VerdictLine } from '#verdict/result.ts';

/** It is what was hoped for: a check that passes, or a twin that turned it red. */
export const isGood = ({ verdict }: Pick<VerdictLine, 'verdict'>): boolean =>
  verdict === 'pass' || verdict === 'caught';
