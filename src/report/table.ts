import Table from 'cli-table3';
import pc from 'picocolors';
import prettyMs from 'pretty-ms';
import type { RunRecord, VerdictLine } from '#verdict/result.ts';
import {
  checkIds,
  describe,
  killScore,
  killScoreText,
  ownLines,
  type Shown,
  twinLines,
  wordOf,
} from '#report/summary.ts';

export interface TableOptions {
  /** Width of the terminal in columns. Default: the terminal's own, else 120. */
  columns?: number;
}

const paint: Record<Shown, (text: string) => string> = {
  pass: pc.green,
  caught: pc.green,
  fail: pc.red,
  missed: pc.red,
  inconclusive: pc.yellow,
  undecided: pc.yellow,
  unsupported: pc.dim,
  roadmap: pc.dim,
};

/**
 * The verdicts of a run as a table, a row a check and product: id, title, verdict, witnesses, twins caught, time. On a narrow
 * terminal the title is cut, then the columns after the verdict go.
 *
 * @param lines all lines of the run, those of twins too
 * @param checks the descriptions of run.json; a check without a line is shown as undecided
 */
export function verdictTable(lines: VerdictLine[], checks: RunRecord['checks'], options: TableOptions = {}): string {
  const columns = options.columns ?? process.stdout.columns ?? 120;
  const rows = checkIds(checks, lines).flatMap((id) => rowsOf(id, lines, checks));
  const products = rows.some((row) => row.product !== '');
  const wide = columns >= 90;
  const heads = ['check', 'title', ...(products ? ['product'] : []), 'verdict'];
  if (wide) heads.push('witnesses', 'twins', 'time');
  const cells = rows.map((row) => {
    const first = [row.id, row.title, ...(products ? [row.product] : []), row.verdict];
    return wide ? [...first, row.witnesses, row.twins, row.time] : first;
  });
  const widest = heads.map((head, at) => Math.max(head.length, ...cells.map((row) => (row[at] ?? '').length)) + 2);
  const others = widest.reduce((sum, width, at) => (at === 1 ? sum : sum + width), heads.length + 1);
  widest[1] = Math.max(10, Math.min(widest[1] ?? 10, columns - others));
  const numeric = ['witnesses', 'twins', 'time'];
  const right = heads.map((head): 'left' | 'right' => (numeric.includes(head) ? 'right' : 'left'));
  const table = new Table({
    head: heads,
    colWidths: widest,
    colAligns: right,
    style: { head: [], border: [], compact: true },
  });
  const at = heads.indexOf('verdict');
  cells.forEach((row, index) => {
    const verdict = rows[index]?.shown ?? 'undecided';
    table.push(row.map((cell, column) => (column === at ? paint[verdict](cell) : cell)));
  });
  return table.toString();
}

interface Row {
  id: string;
  title: string;
  product: string;
  shown: Shown;
  verdict: string;
  witnesses: string;
  twins: string;
  time: string;
}

function rowsOf(id: string, lines: VerdictLine[], checks: RunRecord['checks']): Row[] {
  const check = describe(checks, id);
  const own = lines.filter((line) => line.id === id);
  const bare = { id, title: check.title };
  const decided = ownLines(own).map((line): Row => {
    const twins = twinLines(own).filter((twin) => twin.product === line.product);
    const caught = twins.filter((twin) => twin.verdict === 'caught').length;
    return {
      ...bare,
      product: line.product ?? '',
      shown: line.verdict,
      verdict: wordOf(line) + (line.unstable ? ' (unstable)' : ''),
      witnesses: String(line.witnesses.length),
      twins: twins.length === 0 ? '–' : `${caught}/${twins.length}`,
      time: prettyMs(line.durationMs),
    };
  });
  if (decided.length > 0) return decided;
  return [{ ...bare, product: '', shown: 'undecided', verdict: 'undecided', witnesses: '–', twins: '–', time: '–' }];
}

/**
 * What a person reads at the end of a run: the table, why anything did not pass, differences between products, kill score,
 * where the time went, and the path of the page.
 */
export function runSummary(
  record: Pick<RunRecord, 'checks' | 'differences' | 'timings' | 'killScore'>,
  lines: VerdictLine[],
  page: string,
  options: TableOptions = {},
): string {
  const reasons = lines
    .filter(({ verdict, label, unstable }) => label !== undefined || unstable || worthAWord.includes(verdict))
    .map((line) => {
      const name = [line.id, line.twin && `twin ${line.twin}`, line.product].filter(Boolean).join(' · ');
      const said = line.label === undefined ? line.reason : `${line.label} (${line.reason})`;
      const before = line.unstable && line.earlier ? `; the first attempt: ${line.earlier.join('; ')}` : '';
      return `  ${paint[line.verdict](line.verdict)} ${name}: ${said}${before}`;
    });
  const differences = record.differences.map((each) => `  ${each.id}: ${each.text}`);
  const timings = record.timings.map((each) => `${each.step} ${prettyMs(each.durationMs)}`).join(', ');
  return [
    verdictTable(lines, record.checks, options),
    ...section('Why', reasons),
    ...section('Differences between products', differences),
    '',
    `Kill score  ${killScoreText(killScore(lines, record))}`,
    ...overlap(record.timings, lines),
    ...(timings === '' ? [] : [`Timings     ${timings}`]),
    `Report      ${page}`,
  ].join('\n');
}

/** Verdicts that need a reason. A pass that proves less than "works" carries a label, and is explained too. */
const worthAWord: VerdictLine['verdict'][] = ['fail', 'inconclusive', 'missed', 'unsupported'];

/** Where waiting was shared: what all verdicts take one by one, beside what they took. */
function overlap(timings: RunRecord['timings'], lines: VerdictLine[]): string[] {
  const wall = timings.filter(({ step }) => step.startsWith('checks')).reduce((sum, each) => sum + each.durationMs, 0);
  const single = lines.reduce((sum, { durationMs }) => sum + durationMs, 0);
  if (wall === 0 || single === 0) return [];
  const [one, all] = [prettyMs(single, { secondsDecimalDigits: 0 }), prettyMs(wall, { secondsDecimalDigits: 0 })];
  return [`Overlap     ${one} one by one, in ${all}: ${(single / wall).toFixed(1)} times`];
}

const section = (title: string, rows: string[]): string[] => (rows.length === 0 ? [] : ['', pc.bold(title), ...rows]);
