import { Command } from 'commander';
import { downKind, labStatuses } from '#lab/down.ts';
import { clearExisting, openExisting } from '#lab/existing.ts';
import { defaultLabName, checkLabName } from '#lab/record.ts';
import { holdLab } from '#lab/run-lock.ts';
import { ensureEngine } from '#machine/engine.ts';
import { UsageError } from '#support/errors.ts';
import { nearest } from '#support/nearest.ts';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

interface DownOptions {
  name?: string;
  all: boolean;
  context?: string;
}

/** `down`: removes labs with all that they left, also after a crash. */
export function downCommand(signal: AbortSignal): Command {
  return new Command('down')
    .description('remove a lab: its clusters, its network, its files; also what a crash left of it')
    .option('--name <name>', `which lab (default: ${defaultLabName})`)
    .option('--all', 'every lab of this machine', false)
    .option('--context <name>', 'in a cluster of your own: remove the namespaces that we made there')
    .action(async ({ name, all, context }: DownOptions) => {
      if ([name !== undefined, all, context !== undefined].filter(Boolean).length > 1)
        throw new UsageError('--name, --all and --context exclude each other');
      if (context !== undefined) return downContext(context, signal);
      if (name !== undefined) checkLabName(name);
      await ensureEngine({ say, signal });
      const standing = (await labStatuses()).map((lab) => lab.name);
      if (name !== undefined && !standing.includes(name))
        throw new UsageError(
          `there is no lab ${name}`,
          nearest(name, standing, 'did you mean') ?? './meshwitness status',
        );
      const wanted = name === undefined && !all ? standing.filter((each) => each === defaultLabName) : standing;
      const going = name === undefined ? wanted : [name];
      if (going.length === 0) console.log(nothing(standing));
      for (const lab of going) await downOne(lab, signal);
    });
}

async function downOne(lab: string, signal: AbortSignal): Promise<void> {
  const hold = await holdLab(lab, say, signal);
  try {
    const removed = await downKind(lab);
    console.log(`lab ${lab}: ${removed.length === 0 ? 'its files' : removed.join(', ')} removed`);
  } finally {
    await hold.release();
  }
}

async function downContext(context: string, signal: AbortSignal): Promise<void> {
  const lab = await openExisting({ main: context }, signal);
  for (const cluster of lab.clusters.values()) {
    const removed = await clearExisting(cluster, signal);
    console.log(
      removed.length === 0 ? `nothing of ours in ${context}` : `${context}: namespaces ${removed.join(', ')} removed`,
    );
  }
}

function nothing(standing: readonly string[]): string {
  const others = standing.length === 0 ? '' : `; there is ${standing.join(', ')} (--name, or --all)`;
  return `no lab ${defaultLabName} to remove${others}`;
}
