import { stat } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { lintText } from '#cli/lint-text.ts';
import type { Wanted } from '#cli/open-cluster.ts';
import { lint, type Linted } from '#lint/lint.ts';
import { otherRules, rules } from '#lint/rules/all.ts';
import { sarifOf } from '#lint/sarif.ts';
import { Definitions } from '#lint/schema/crds.ts';
import type { DryRun } from '#lint/server.ts';
import { messageOf, UsageError } from '#support/errors.ts';

/** The definitions that kind/versions.yaml pins. */
const part = 'envoy-gateway-crds';

interface LintCommandOptions {
  context?: string;
  name?: string;
  /** A folder; false with --no-crds. */
  crds?: string | boolean;
  history: boolean;
  format: 'text' | 'json' | 'sarif';
}

const examples = `
Examples:
  ./meshwitness lint ~/homelab                          every manifest of a GitOps repository, and what its history tells
  ./meshwitness lint ~/homelab --context staging        and what that cluster would refuse, in a dry run: nothing is changed
  ./meshwitness lint ~/homelab --name default           the same of a lab that stands: ./meshwitness verify OA-01 --keep brings one up
  ./meshwitness lint ~/homelab --format sarif >a.sarif  for the code host to show beside the lines
  ./meshwitness lint clusters/home --no-history         as a pre-commit hook: only what stands there now
  ./meshwitness lint ~/homelab --crds my-crds           by the definitions of another version

Rules:
${[...rules.map(({ id, title }) => [id, title]), ...Object.entries(otherRules)].map(([id = '', title = '']) => `  ${id.padEnd(16)} ${title}`).join('\n')}

The definitions are those of the Envoy Gateway that kind/versions.yaml pins, fetched once; ./meshwitness images build ${part}
Files that SOPS encrypted are checked by what stays readable: their keys. Addresses are shown masked.
Exit codes: 0 no errors (perhaps warnings), 1 an error, 2 bad input, 3 no error and no definitions to check by.`;

/** `lint DIR`: what is wrong with the manifests of a GitOps repository, before a cluster sees them. */
export function lintCommand(signal: AbortSignal): Command {
  return new Command('lint')
    .description('what is wrong with the manifests of a repository: logins, allowlists, encryption, schemas')
    .argument('<dir>', 'folder of manifests, such as a clone of the repository')
    .option('--context <name>', 'ask this cluster too (server-side dry run), by the context of your kubeconfig')
    .option('--name <lab>', 'a lab of ours, in place of a context')
    .option('--crds <dir>', 'definitions to check by, in place of the pinned ones')
    .option('--no-crds', 'without schemas: the semantic rules alone')
    .option('--no-history', 'leave the git history alone')
    .addOption(
      new Option('--format <format>', 'how findings are printed').choices(['text', 'json', 'sarif']).default('text'),
    )
    .addHelpText('after', examples)
    .action(async (dir: string, options: LintCommandOptions) => {
      process.exitCode = await run(dir, options, signal);
    });
}

async function run(dir: string, options: LintCommandOptions, signal: AbortSignal): Promise<number> {
  const info = await stat(dir).catch(() => undefined);
  if (!info?.isDirectory())
    throw new UsageError(`${dir} ${info ? 'is no directory' : 'does not exist'}`, './meshwitness lint --help');
  const { context, name } = options;
  const asked = { ...(context !== undefined && { context }), ...(name !== undefined && { name }) };
  const dryRun = context === undefined && name === undefined ? undefined : await askingOf(asked, signal);
  const definitions = await definitionsFor(options.crds, signal);
  const linted = await lint(dir, {
    ...(definitions && { definitions }),
    ...(dryRun && { dryRun }),
    history: options.history,
    signal,
  });
  console.log(printed(linted, options.format));
  if (linted.findings.some(({ severity }) => severity === 'error')) return 1;
  return definitions === undefined && options.crds !== false ? 3 : 0;
}

function printed(linted: Linted, format: LintCommandOptions['format']): string {
  if (format === 'text') return lintText(linted);
  return JSON.stringify(format === 'json' ? { schema: 1, ...linted } : sarifOf(linted.findings), undefined, 2);
}

/** The definitions to check by; undefined when none are wanted, or none can be had, which is told in one line. */
async function definitionsFor(
  wanted: string | boolean | undefined,
  signal: AbortSignal,
): Promise<Definitions | undefined> {
  if (wanted === false) return undefined;
  if (typeof wanted === 'string') return Definitions.read(wanted);
  const { ensureParts } = await import('#machine/parts.ts');
  try {
    const here = (await ensureParts([part], { signal })).get(part);
    if (here?.path !== undefined) return await Definitions.read(here.path);
  } catch (error) {
    signal.throwIfAborted();
    process.stderr.write(
      `meshwitness: schemas are not checked, ${part} is not here: ${messageOf(error)}; where Go and a module proxy are: ./meshwitness images build ${part}, or name a folder: --crds DIR\n`,
    );
  }
  return undefined;
}

/** What reaches clusters takes a second to be read in: a lint of files does without. */
async function askingOf(wanted: Wanted, signal: AbortSignal): Promise<DryRun> {
  const { openCluster } = await import('#cli/open-cluster.ts');
  const cluster = await openCluster(wanted, signal);
  return (object) => cluster.dryRun(object as unknown as Parameters<typeof cluster.dryRun>[0], signal);
}
