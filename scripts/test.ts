// `npm test [-- --project unit] [FILTERS and options of vitest]`: every project one after the other, each with what it
// stands on made ready first, and one line with the sum at the end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { ensureChromium } from '#machine/chromium.ts';
import { ensureEngine } from '#machine/engine.ts';
import { messageOf } from '#support/errors.ts';
import { paths } from '#support/paths.ts';
import { countOf, projects, totalLine, type Count, type JsonReport, type Project } from './test-projects.ts';

const program = new Command('test')
  .description("Run the project's own tests")
  .option('--project <name>', `only this one of ${projects.join(', ')}; may be repeated`, collect)
  .argument('[filters...]', 'parts of file names, and options of vitest')
  .allowUnknownOption()
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const wanted = program.opts<{ project?: Project[] }>().project ?? projects;

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());

const say = (line: string): void => console.log(line);
const options = { say, signal: interrupted.signal };
/** Images and clusters are made by the tests themselves, through the same functions as the commands use. */
const needs: Partial<Record<Project, () => Promise<unknown>>> = {
  machine: () => ensureEngine(options),
  fixture: () => ensureEngine(options),
  page: () => ensureChromium(options),
  lab: () => ensureEngine(options),
};

const reports = await mkdtemp(join(tmpdir(), 'meshwitness-test-'));
const counts: Count[] = [];
try {
  for (const project of projects.filter((name) => wanted.includes(name))) {
    if (interrupted.signal.aborted) break;
    counts.push(await runProject(project));
  }
} finally {
  await rm(reports, { recursive: true, force: true });
}
console.log(totalLine(counts));
process.exitCode = interrupted.signal.aborted ? 130 : counts.some(({ failed }) => failed > 0) ? 1 : 0;

async function runProject(project: Project): Promise<Count> {
  try {
    await needs[project]?.();
  } catch (error) {
    console.log(`${project}: cannot run: ${messageOf(error)}`);
    return { passed: 0, failed: 1 };
  }
  const report = resolve(reports, `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const vitest = resolve(paths.root, 'node_modules/vitest/vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', '--project', project, ...reporters, ...program.args], {
    cwd: paths.root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const stop = (): void => void child.kill('SIGINT');
  interrupted.signal.addEventListener('abort', stop);
  const [code] = (await once(child, 'exit')) as [number | null];
  interrupted.signal.removeEventListener('abort', stop);
  const text = await readFile(report, 'utf8').catch(() => undefined);
  return countOf(text === undefined ? undefined : (JSON.parse(text) as JsonReport), code);
}

function collect(value: string, before: Project[] | undefined): Project[] {
  const project = projects.find((name) => name === value);
  if (project === undefined) throw new InvalidArgumentError(`It is one of ${projects.join(', ')}.`);
  return [...(before ?? []), project];
}
