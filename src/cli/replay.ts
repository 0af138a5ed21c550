import Table from 'cli-table3';
import { Command } from 'commander';
import pc from 'picocolors';
import { readRun } from '#report/read-run.ts';
import { loadCatalogue } from '#verdict/catalogue.ts';
import { replay, type Replayed } from '#verdict/replay.ts';
import { exitCodeOf } from '#cli/exit-code.ts';

/**
 * `replay DIR [--json]`: judges a run folder again, offline. Exits as the verdicts say that come out now, or 1 when one is not
 * what was recorded.
 */
export function replayCommand(): Command {
  return new Command('replay')
    .description('judge a run folder again from its evidence, without a cluster')
    .argument('<dir>', 'a run folder: reports/RUN')
    .option('--json', 'print an array of {id, twin, product, verdict, recorded, same, reason}', false)
    .action(async (dir: string, { json }: { json: boolean }) => {
      const [run, checks] = await Promise.all([readRun(dir), loadCatalogue()]);
      const replayed = replay(run.lines, run.evidence, checks);
      if (json) console.log(JSON.stringify(replayed.map(listed), undefined, 2));
      else console.log(replayTable(replayed));
      if (run.truncated) process.stderr.write('the last line of verdicts.ndjson was cut off, and left out\n');
      const now = replayed.map(({ line, again }) => ({ verdict: again?.verdict ?? line.verdict }));
      process.exitCode = replayed.every(({ same }) => same) ? exitCodeOf(now) : 1;
    });
}

const listed = ({ line, again, same, note }: Replayed) => ({
  id: line.id,
  ...(line.twin !== undefined && { twin: line.twin }),
  ...(line.product !== undefined && { product: line.product }),
  verdict: again?.verdict ?? line.verdict,
  recorded: line.verdict,
  same,
  reason: note ?? again?.reason ?? line.reason,
});

/** A row a recorded verdict, with what the judge says now, and a last line that counts. */
export function replayTable(replayed: readonly Replayed[]): string {
  const table = new Table({
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    head: ['check', 'product', 'recorded', 'replayed', ''],
    style: { head: [], border: [] },
  });
  for (const { line, again, same, note } of replayed) {
    const name = line.twin === undefined ? line.id : `${line.id} · ${line.twin}`;
    const why = same ? (note ?? '') : (note ?? again?.reason ?? '');
    table.push([
      name,
      line.product ?? '',
      line.verdict,
      again?.verdict ?? '–',
      `${same ? pc.green('=') : pc.red('≠')} ${why}`,
    ]);
  }
  const differ = replayed.filter(({ same }) => !same).length;
  const last =
    differ === 0 ? `All ${replayed.length} as recorded.` : `${differ} of ${replayed.length} differ from the record.`;
  return `${table.toString()}\n${last}`;
}
