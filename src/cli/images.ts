import Table from 'cli-table3';
import { Command, Option } from 'commander';
import pc from 'picocolors';
import { ensureEngine } from '#machine/engine.ts';
import { loadArchive, saveParts } from '#machine/images/archive.ts';
import { listParts, type ListedPart } from '#machine/images/list.ts';
import { withProgress } from '#machine/images/progress.ts';
import { ensureParts, type EnsureOptions } from '#machine/parts.ts';
import type { ReadyPart } from '#machine/ready-part.ts';
import { NotReadyError } from '#support/errors.ts';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** What is made when no part is named. */
const usual = 'smoke';

/** `images list | build | pull | save | load`: every image and tool, where it comes from, and getting it here. */
export function imagesCommand(signal?: AbortSignal): Command {
  const images = new Command('images').description('every image and tool: where it comes from, pulled or built');
  images.addHelpText(
    'after',
    `
A part is an image or a set of programs. Each has two sources: it is pulled where a container registry can be reached,
else built here from a pinned module or package. kind/versions.yaml lists them all; reports say which source was used.

  ./meshwitness images list                     what is here, what is missing
  ./meshwitness images build                    what the smoke profile needs
  ./meshwitness images build istio-older        one part, with all it is made from
  ./meshwitness images pull --mirror host:5000  through a mirror (or set MESHWITNESS_MIRROR)
  ./meshwitness images save lab.tar             for a machine without any registry; there: images load lab.tar`,
  );
  images
    .addCommand(listCommand(signal))
    .addCommand(makeCommand('build', signal))
    .addCommand(makeCommand('pull', signal));
  return images.addCommand(saveCommand(signal)).addCommand(loadCommand(signal));
}

function listCommand(signal: AbortSignal | undefined): Command {
  return new Command('list')
    .description('every part, whether it is here, and where it came from')
    .option('--json', 'print the list as JSON', false)
    .action(async ({ json }: { json: boolean }) => {
      const parts = await listParts(signal);
      console.log(json ? JSON.stringify(parts, undefined, 2) : listTable(parts));
    });
}

/** The list as a table, with a last line that tells what to type. */
export function listTable(parts: readonly ListedPart[]): string {
  const chars = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };
  const table = new Table({
    chars,
    head: ['', 'part', 'version', 'here', 'built from', 'pulled from'],
    style: { head: [], border: [] },
  });
  for (const { part, kind, version, state, origin, module = '', pull = '' } of parts) {
    const here = state === 'ready' ? `${kind}, ${origin === 'pull' ? 'pulled' : 'built'}` : 'no';
    table.push([state === 'ready' ? pc.green('✓') : '-', part, version, here, module, pull]);
  }
  const missing = parts.filter(({ state }) => state === 'missing').length;
  const advice =
    missing === 0
      ? 'All are here.'
      : `${missing} are not here; each is made when something needs it, or now: ./meshwitness images build PART`;
  return `${table.toString()}\n${advice}`;
}

interface MakeOptions {
  force: boolean;
  mirror?: string;
}

function makeCommand(source: 'build' | 'pull', signal: AbortSignal | undefined): Command {
  const command = new Command(source)
    .argument('[parts...]', `parts or sets of kind/versions.yaml (default: ${usual})`)
    .description(
      source === 'build'
        ? 'build parts that are not here, from their pinned modules and packages'
        : 'pull the published images of parts; what has none is built',
    )
    .option('--force', 'make the named parts again even if they are here', false);
  if (source === 'pull')
    command.addOption(
      new Option('--mirror <prefix>', 'takes the place of each registry host').env('MESHWITNESS_MIRROR'),
    );
  return command.action(async (parts: string[], { force, mirror }: MakeOptions) => {
    const options: EnsureOptions = {
      source,
      force,
      ...(mirror !== undefined && { mirror }),
      ...(signal && { signal }),
    };
    await ensureEngine({ say, ...(signal && { signal }) });
    const wanted = parts.length > 0 ? parts : [usual];
    const ready = await withProgress((onProgress) => ensureParts(wanted, { ...options, onProgress }));
    for (const part of ready.values()) console.log(readyLine(part));
  });
}

function saveCommand(signal: AbortSignal | undefined): Command {
  return new Command('save')
    .argument('<file>', 'tar file to write')
    .argument('[parts...]', `parts or sets to put in (default: ${usual})`)
    .description('write parts into one file, for a machine that reaches no registry')
    .action(async (file: string, parts: string[]) => {
      const wanted = parts.length > 0 ? parts : [usual];
      await ensureEngine({ say, ...(signal && { signal }) });
      const ready = await withProgress((onProgress) => ensureParts(wanted, { onProgress, ...(signal && { signal }) }));
      console.log(`${await saveParts([...ready.values()], file, signal)}: ${ready.size} parts`);
    });
}

function loadCommand(signal: AbortSignal | undefined): Command {
  return new Command('load')
    .argument('<file>', 'tar file that images save wrote')
    .description('take parts from a file, instead of pulling or building them')
    .action(async (file: string) => {
      await ensureEngine({ say, ...(signal && { signal }) });
      const { parts, images } = await loadArchive(file, signal);
      if (parts === 0) throw new NotReadyError(`${file} holds no parts`);
      console.log(`${parts} parts loaded, ${images} of them images`);
    });
}

function readyLine({ part, version, origin, reference, path, digest }: ReadyPart): string {
  const source = origin === 'pull' ? `pulled${digest === undefined ? '' : ` ${digest}`}` : 'built';
  return `${part} ${version} (${source}): ${reference ?? path ?? ''}`;
}
