import Table from 'cli-table3';
import { Command } from 'commander';
import pc from 'picocolors';
import { labStatuses, type LabStatus } from '#lab/down.ts';
import { askEngine } from '#machine/docker.ts';
import { NotReadyError } from '#support/errors.ts';

/** `status [--json]`: which labs stand, and what is left of others. Starts nothing. */
export function statusCommand(): Command {
  return new Command('status')
    .description('which labs stand, and what crashed ones left behind')
    .option('--json', 'print the labs as JSON', false)
    .action(async ({ json }: { json: boolean }) => {
      const engine = await askEngine();
      if ('silence' in engine)
        throw new NotReadyError(`no Docker engine answers, so no lab stands: ${engine.detail}`, './meshwitness doctor');
      const labs = await labStatuses();
      console.log(json ? JSON.stringify(labs, undefined, 2) : statusTable(labs));
    });
}

/** The labs as a table, with what to type about those that do not stand as they should. */
export function statusTable(labs: readonly LabStatus[]): string {
  if (labs.length === 0) return 'No lab stands. ./meshwitness up brings one up.';
  const chars = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };
  const head = ['lab', 'state', 'topology', 'since', 'nodes', 'network'];
  const table = new Table({ chars, head, style: { head: [], border: [] } });
  for (const { name, state, topology = '', createdAt = '', nodes, network } of labs)
    table.push([name, mark(state), topology, since(createdAt), nodes.join('\n'), network ? 'yes' : 'no']);
  const remedies = labs
    .filter(({ state }) => state !== 'up')
    .map(({ name, state }) => `  ${remedy[state]}: ./meshwitness down --name ${name}`);
  return [table.toString(), ...new Set(remedies)].join('\n');
}

const remedy: Record<LabStatus['state'], string> = {
  up: '',
  partly: 'not whole; the next up replaces it, this removes it',
  orphan: 'left by a crash; this removes it',
};

function mark(state: LabStatus['state']): string {
  return { up: pc.green('up'), partly: pc.yellow('partly'), orphan: pc.red('orphan') }[state];
}

function since(iso: string): string {
  return iso.replace('T', ' ').replace(/:\d\d\..*$/, '');
}
