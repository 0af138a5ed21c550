import type { Evidence } from '#support/evidence.ts';
import type { Check } from '#verdict/check.ts';
import { judge, judgeTwin } from '#verdict/judge.ts';
import type { VerdictLine } from '#verdict/result.ts';

/** One recorded verdict, judged again. */
export interface Replayed {
  line: VerdictLine;
  /** What the judge says now; absent when nothing was recorded that could be judged. */
  again?: { verdict: VerdictLine['verdict']; reason: string };
  /** Whether it says what was recorded; for lines without evidence, that they stay as they are. */
  same: boolean;
  /** Why it could not be judged again. */
  note?: string;
}

/** Judges recorded verdicts again, from their evidence. Pure: no cluster, no files. */
export function replay(
  lines: readonly VerdictLine[],
  evidence: ReadonlyMap<string, Evidence>,
  checks: readonly Check[],
): Replayed[] {
  return lines.map((line) => replayOne(line, evidence, checks));
}

function replayOne(line: VerdictLine, evidence: ReadonlyMap<string, Evidence>, checks: readonly Check[]): Replayed {
  if (line.evidence === undefined) return { line, same: true, note: 'no evidence was recorded' };
  const recorded = evidence.get(line.evidence);
  const check = checks.find(({ id }) => id === line.id);
  if (!recorded || !check) return { line, same: false, note: 'no check of that id is in the suites any more' };
  const judgement = judge(check, recorded);
  if (line.twin === undefined) return compared(line, judgement);
  const twin = check.twins.find(({ name }) => name === line.twin);
  if (!twin) return { line, same: false, note: `${check.id} has no twin of that name any more` };
  return compared(line, judgeTwin(judgement, twin));
}

function compared(line: VerdictLine, { verdict, reason }: NonNullable<Replayed['again']>): Replayed {
  return { line, again: { verdict, reason }, same: verdict === line.verdict };
}
