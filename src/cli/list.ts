import { Command } from 'commander';
import { loadCatalogue } from '#verdict/catalogue.ts';
import type { Check } from '#verdict/check.ts';

/** `list [--json]`: every check of the suites. */
export function listCommand(): Command {
  return new Command('list')
    .description('every check: id, level, title, tags')
    .option('--json', 'an array of {id, title, level, tags, needs, twins}', false)
    .action(async ({ json }: { json: boolean }) => {
      const checks = await loadCatalogue();
      console.log(json ? JSON.stringify(checks.map(listed), undefined, 2) : await listTable(checks));
    });
}

/** One check as `list --json` gives it: others rely on this shape. */
export function listed({ id, title, level, tags, needs, twins }: Check) {
  return { id, title, level, tags, needs, twins: twins.map(({ name, breaks }) => ({ name, breaks })) };
}

async function listTable(checks: readonly Check[]): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const table = new Table({
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    head: ['check', 'level', 'title', 'system', 'tags', 'twins'],
    style: { head: [], border: [] },
  });
  for (const { id, level, title, system, tags, twins } of checks)
    table.push([id, level, title, system, tags.join(' '), twins.map(({ name }) => name).join(' ')]);
  const some = checks[0]?.id ?? 'GS-02';
  return [
    table.toString(),
    `${checks.length} checks. What one does: ./meshwitness explain ${some}. Run it: ./meshwitness verify ${some}`,
  ].join('\n');
}
