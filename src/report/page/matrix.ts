import type { Run } from '#report/read-run.ts';
import { checkIds, describe, ownLines, tally, type CheckRecord, type Shown } from '#report/summary.ts';

export interface Matrix {
  by: 'level' | 'tag' | 'capability';
  columns: string[];
  rows: Array<{ system: string; cells: Array<Array<{ verdict: Shown; count: number }>> }>;
}

const keysOf: Record<Matrix['by'], (check: CheckRecord) => string[]> = {
  level: (check) => [check.level],
  tag: (check) => check.tags,
  capability: (check) => check.needs,
};

/** Verdicts by system, counted a check and product, once by level, once by tag, once by needed capability. */
export function matrices(run: Run): Matrix[] {
  const { record, lines } = run;
  const decided = checkIds(record.checks, lines).flatMap((id) => {
    const check = describe(record.checks, id);
    const own: Shown[] = ownLines(lines.filter((line) => line.id === id)).map((line) => line.verdict);
    return (own.length === 0 ? (['undecided'] as const) : own).map((verdict) => ({ check, verdict }));
  });
  const systems = [...new Set(decided.map((each) => each.check.system))];
  return (['level', 'tag', 'capability'] as const).flatMap((by) => {
    const keys = keysOf[by];
    const columns = [...new Set(decided.flatMap((each) => keys(each.check)))];
    if (columns.length === 0) return [];
    const cell = (system: string, column: string): Array<{ verdict: Shown; count: number }> =>
      tally(
        decided
          .filter((each) => each.check.system === system && keys(each.check).includes(column))
          .map((each) => each.verdict),
      );
    return {
      by,
      columns,
      rows: systems.map((system) => ({ system, cells: columns.map((name) => cell(system, name)) })),
    };
  });
}
