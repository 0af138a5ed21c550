import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Eta } from 'eta';
import prettyMs from 'pretty-ms';
import { matrices } from '#report/page/matrix.ts';
import { storyOf } from '#report/page/story.ts';
import { geometry } from '#report/page/timeline-drawing.ts';
import type { Run } from '#report/read-run.ts';
import { checkIds, killScore, killScoreText, ownLines, tally, type Shown } from '#report/summary.ts';

/** Sign and word of a verdict or of a finding's state; colour only repeats them. */
const signs: Record<string, string> = {
  pass: '✓',
  caught: '✓',
  met: '✓',
  fail: '✕',
  missed: '✕',
  broken: '✕',
  inconclusive: '?',
  missing: '?',
  undecided: '…',
  unsupported: '–',
  roadmap: '»',
};

/** What lies between two columns, by what the right one saw. */
const arrows: Record<string, { sign: string; word: string }> = {
  seen: { sign: '→', word: 'arrived' },
  nothing: { sign: '✕', word: 'did not arrive' },
  missing: { sign: '?', word: 'unknown' },
  unasked: { sign: '·', word: 'no word' },
};

const eta = new Eta({ views: import.meta.dirname, cache: true, autoEscape: true });
const own = (file: string): string => readFileSync(resolve(import.meta.dirname, file), 'utf8');

/**
 * The page of a run: one HTML text that needs nothing beside it, and that may load nothing (its policy forbids it).
 * All texts of the run are escaped by the template; only our own style and script go in as they are.
 */
export function renderPage(run: Run): string {
  const { record, lines } = run;
  const script = own('page.js');
  const stories = checkIds(record.checks, lines).map((id) => storyOf(run, id));
  const values = (pick: (story: (typeof stories)[number]) => string[]): string[] => [...new Set(stories.flatMap(pick))];
  const verdicts = stories.flatMap((story) => story.decisions.map((each) => each.verdict));
  return eta.render('./page', {
    run,
    record,
    stories,
    script,
    style: own('page.css'),
    scriptHash: createHash('sha256').update(script).digest('base64'),
    matrices: matrices(run),
    ...byPart(run),
    headline: headline(verdicts),
    totals: tally(verdicts),
    filters: tally([...new Set(stories.flatMap((story) => story.verdicts))]).map((each) => each.verdict),
    systems: values((story) => [story.check.system]),
    levels: values((story) => [story.check.level]),
    tags: values((story) => story.check.tags),
    needs: values((story) => story.check.needs),
    score: killScore(lines, record),
    killScore: killScoreText(killScore(lines, record)),
    interrupted: record.end === undefined || run.truncated,
    took: record.end === undefined ? '' : prettyMs(Date.parse(record.end) - Date.parse(record.start)),
    longest: Math.max(1, ...record.timings.map((each) => each.durationMs)),
    witnessed: ownLines(lines).reduce((sum, line) => sum + line.witnesses.length, 0),
    ms: (value: number) => prettyMs(value),
    when: (iso: string) => iso.replace('T', ' ').replace(/\.\d+Z$/, ' UTC'),
    sign: (word: string) => signs[word] ?? '',
    arrow: (state: string) => arrows[state],
    geometry,
  });
}

/** Products that a verdict names, and the parts that only carry them. Without any verdict, all are products. */
function byPart({ record, lines }: Run): { tested: typeof record.products; parts: typeof record.products } {
  const named = new Set(lines.map(({ product }) => product));
  const tested = record.products.filter(({ part }) => named.has(part));
  if (tested.length === 0) return { tested: record.products, parts: [] };
  return { tested, parts: record.products.filter((each) => !tested.includes(each)) };
}

function headline(verdicts: Shown[]): { verdict: Shown; text: string } {
  const worth = (['fail', 'inconclusive', 'undecided'] as const).flatMap((verdict) => {
    const count = verdicts.filter((each) => each === verdict).length;
    return count === 0 ? [] : [{ verdict, text: `${count} ${verdict === 'fail' ? 'failed' : verdict}` }];
  });
  const [first] = worth;
  if (first !== undefined) return { verdict: first.verdict, text: worth.map((each) => each.text).join(', ') };
  if (!verdicts.includes('pass')) return { verdict: 'unsupported', text: 'Nothing was decided here' };
  return { verdict: 'pass', text: 'Everything that was decided passed' };
}
