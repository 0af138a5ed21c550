import { failsOpen, type RunRecord, type VerdictLine } from '#verdict/result.ts';

export type CheckRecord = RunRecord['checks'][string];
export type AnyVerdict = VerdictLine['verdict'];
/** `undecided`: the run names the check, but ended before its verdict. */
export type Shown = AnyVerdict | 'undecided';

/** How every view orders verdicts: what needs a person first. */
export const verdictOrder: Shown[] = [
  'fail',
  'missed',
  'inconclusive',
  'undecided',
  'pass',
  'caught',
  'unsupported',
  'roadmap',
];

/** The word for a verdict: a failure that lets everybody in is told apart from one that shuts somebody out. */
export const wordOf = ({ verdict, label }: Pick<VerdictLine, 'verdict' | 'label'>): string =>
  label === failsOpen ? failsOpen : verdict;

/** The check's own lines, without those of its twins. */
export const ownLines = (lines: VerdictLine[]): VerdictLine[] => lines.filter((line) => line.twin === undefined);
/** The lines of twins. */
export const twinLines = (lines: VerdictLine[]): VerdictLine[] => lines.filter((line) => line.twin !== undefined);

/** Share of twins that turned red. The record's own figure, else counted from the lines; undefined when no twin ran. */
export function killScore(
  lines: VerdictLine[],
  record?: Pick<RunRecord, 'killScore'>,
): { caught: number; total: number } | undefined {
  if (record?.killScore) return record.killScore;
  const twins = twinLines(lines);
  if (twins.length === 0) return undefined;
  return { caught: twins.filter((line) => line.verdict === 'caught').length, total: twins.length };
}

/** `3 of 4 twins caught (75 %)` with an unbreakable space, or that none ran. */
export function killScoreText(score: { caught: number; total: number } | undefined): string {
  if (score === undefined) return 'not measured: no twin ran';
  const percent = score.total === 0 ? 0 : Math.floor((100 * score.caught) / score.total);
  return `${score.caught} of ${score.total} twins caught (${percent}\u00a0%)`;
}

/** How often each verdict occurs among the lines given, in the order that needs a person first. */
export function tally(verdicts: Shown[]): Array<{ verdict: Shown; count: number }> {
  const counts = Map.groupBy(verdicts, (verdict) => verdict);
  return verdictOrder.flatMap((verdict) => {
    const count = counts.get(verdict)?.length ?? 0;
    return count === 0 ? [] : [{ verdict, count }];
  });
}

/** The description of a check; a line whose check the record does not know is still shown, by its id. */
export function describe(checks: RunRecord['checks'], id: string): CheckRecord {
  return (
    checks[id] ?? {
      title: id,
      system: id.split('-', 1)[0] ?? id,
      level: 'extended',
      tags: [],
      needs: [],
      story: { setUp: '', sends: '', expects: '', why: '' },
      twins: [],
      reproduce: `./meshwitness verify ${id}`,
    }
  );
}

/** Ids in the order of the record, then those that only lines know. */
export function checkIds(checks: RunRecord['checks'], lines: VerdictLine[]): string[] {
  return [...new Set([...Object.keys(checks), ...lines.map((line) => line.id)])];
}

/** The product record of a line's product: `istio-current` names its part, or the parts that start with it. */
export function productOf(record: RunRecord, product: string | undefined): RunRecord['products'][number] | undefined {
  if (product === undefined) return undefined;
  return (
    record.products.find((each) => each.part === product) ??
    record.products.find((each) => each.part.startsWith(product)) ??
    record.products.find((each) => each.version === product)
  );
}
