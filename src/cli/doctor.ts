import Table from 'cli-table3';
import { Command } from 'commander';
import pc from 'picocolors';
import { examine, mend, type Examination } from '#machine/doctor.ts';
import type { Finding } from '#machine/requirements.ts';

/**
 * `doctor [--json] [--mend]`: what this machine has and lacks. Exit 0 when a run can start, 3 when it cannot.
 */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('what this machine has and lacks, each with the command that mends it')
    .option('--json', 'print the findings as JSON', false)
    .option('--mend', 'first install and start what can be', false)
    .action(async (options: { json: boolean; mend: boolean }) => {
      if (options.mend) await mend({ say: (line) => process.stderr.write(`${line}\n`) });
      const examination = await examine();
      console.log(options.json ? JSON.stringify(examination, null, 2) : doctorTable(examination));
      process.exitCode = examination.ready ? 0 : 3;
    });
}

/** The findings as a table, what mends them below, and a last line that says whether a run can start. */
export function doctorTable({ ready, findings }: Examination): string {
  const noLines = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };
  const table = new Table({
    chars: noLines,
    head: ['', 'what', 'seen', 'wanted', 'for'],
    style: { head: [], border: [] },
  });
  for (const finding of findings)
    table.push([mark(finding), finding.name, shown(finding), finding.wanted, finding.need]);
  const wrong = findings.filter(({ state, mend: command }) => state !== 'found' && command !== undefined);
  const remedies = wrong.map(({ name, mend: command }) => `  ${name}: ${command}`);
  return [
    table.toString(),
    ...(remedies.length > 0 ? ['What mends it:', ...remedies] : []),
    ready ? pc.green('Ready: npm start') : pc.red('Not ready: see the lines marked ✗ above'),
  ].join('\n');
}

function mark({ state, need }: Finding): string {
  if (state === 'found') return pc.green('✓');
  return need === 'optional' || need === 'advised' ? pc.yellow('-') : pc.red('✗');
}

/** The state in words where something is wrong, and what was seen, cut to a width that a terminal has. */
function shown({ state, seen }: Finding): string {
  const text = state === 'found' ? seen : [state, seen].filter((part) => part !== '').join(': ');
  return text.length > 50 ? `${text.slice(0, 49)}…` : text;
}
