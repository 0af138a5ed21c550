import type { Twin } from '#verdict/check.ts';
import type { PlannedCheck } from '#verdict/plan.ts';
import { isGood } from '#verdict/is-good.ts';
import type { CheckResult } from '#verdict/run-check.ts';

/** More reds than this are no noise of a busy machine: they are decided as they are, and nobody waits for a second look. */
export const mostDoubts = 10;

/** What did not hold while other scenes had the machine as well. */
export interface Doubt {
  planned: PlannedCheck;
  /** Absent for the check itself. */
  twin?: Twin;
  first: CheckResult;
}

/** What was seen when nothing else ran decides; what was seen before is told with it, and makes anything good unstable. */
export function looksAgain({ line: first }: CheckResult, { line: again, evidence }: CheckResult): CheckResult {
  const line = {
    ...again,
    unstable: isGood(again),
    earlier: [...(first.earlier ?? []), first.reason, ...(again.earlier ?? [])],
    attempts: first.attempts + again.attempts,
    durationMs: first.durationMs + again.durationMs,
  };
  return evidence ? { line, evidence } : { line };
}
