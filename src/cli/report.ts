import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { $ } from 'zx/core';
import { NotReadyError, UsageError } from '#support/errors.ts';
import { paths } from '#support/paths.ts';
import { writeReports } from '#report/write-reports.ts';

/** `report [DIR] [--open]`: makes the pages of a run folder again, from its files. */
export function reportCommand(): Command {
  return new Command('report')
    .description('make the report pages of a run folder from its files')
    .argument('[DIR]', 'a run folder; the latest one when left out')
    .option('--open', 'open the page in the browser')
    .action(async (dir: string | undefined, options: { open?: boolean }) => {
      const { page, junit, conformance } = await writeReports(dir ?? (await latestRun(paths.reports)));
      process.stdout.write(`${page}\n${junit}\n${conformance}\n`);
      if (options.open) await openPage(page);
    });
}

/** The run folder whose run.json changed last. */
async function latestRun(reports: string): Promise<string> {
  const names = await readdir(reports).catch(() => []);
  const dated = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(reports, name, 'run.json')).catch(() => undefined);
      return found === undefined ? [] : [{ dir: join(reports, name), changed: found.mtimeMs }];
    }),
  );
  const latest = dated.flat().toSorted((a, b) => b.changed - a.changed)[0];
  if (latest === undefined) throw new UsageError(`no run in ${reports} yet`, './meshwitness verify');
  return latest.dir;
}

async function openPage(page: string): Promise<void> {
  const opener = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const { exitCode } = await $({ quiet: true, nothrow: true })`${opener} ${page}`;
  if (exitCode !== 0) throw new NotReadyError(`${opener} could not open ${page}`, 'open the file in a browser by hand');
}
