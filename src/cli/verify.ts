import { Command, InvalidArgumentError, Option } from 'commander';
import { addOnParts } from '#install/add-ons.ts';
import { envoyGatewayImages } from '#install/envoy-gateway-names.ts';
import { istioChannels, type IstioChannel } from '#install/istio-manifests.ts';
import type { LabWish } from '#cli/lab-wish.ts';
import {
  outsideProvider,
  providerHelp,
  providerOptions,
  providerWords,
  type ProviderOptions,
} from '#cli/own-provider.ts';
import type { prepareLab } from '#cli/prepare-lab.ts';
import { Timings } from '#cli/progress.ts';
import { checkLabName, defaultLabName } from '#lab/record.ts';
import { readTopology } from '#lab/topology.ts';
import { loadVersions } from '#machine/versions.ts';
import { UsageError } from '#support/errors.ts';
import { nearest } from '#support/nearest.ts';
import {
  loadCatalogue,
  loadChecks,
  parseShard,
  profiles,
  select,
  shardOf,
  type CataloguedCheck,
  type Profile,
  type Shard,
} from '#verdict/catalogue.ts';
import type { Check } from '#verdict/check.ts';
import { needsGround, planRun, sabotageOf } from '#verdict/plan.ts';

/** Who makes the visits of login checks: the fixture's browser in the cluster, or a Chromium on this machine. */
const visitors = ['built-in', 'chromium'] as const;
type Visitor = (typeof visitors)[number];

interface VerifyOptions extends ProviderOptions {
  profile?: Profile;
  twins: boolean;
  keep: boolean;
  shard?: Shard;
  istio?: IstioChannel | 'both';
  name: string;
  topology: string;
  context?: string;
  revision?: string;
  source?: 'pull' | 'build';
  json: boolean;
  sabotage?: string;
  tags?: string[];
  soak?: number;
  browser: Visitor;
  without: string[];
}

/** What `verify` does when nothing is said. */
export const usualVerify: VerifyOptions = {
  twins: false,
  keep: false,
  name: defaultLabName,
  topology: 'solo',
  json: false,
  browser: 'built-in',
  without: [],
};

const examples = `
Examples:
  ./meshwitness verify                          the core checks, on both Istio versions
  ./meshwitness verify GS-02 --twins            one check, and the sabotage it must notice
  ./meshwitness verify mtls outage              every check with one of these tags; so does --tags mtls,outage
  ./meshwitness verify OA-04 --browser chromium the login in a real browser, headless, on this machine
  ./meshwitness verify --profile smoke --keep   the headline checks; the lab stays, so the next run takes seconds
  ./meshwitness verify GS-02 --sabotage no-endpoints   a failure on purpose: what does one look like?
  ./meshwitness verify --tags login --idp https://idp.example.org   logins at a provider of your own

A lab that stands is used and left standing; one that the run made is removed at the end, unless --keep is given.`;

/** `verify [IDS or TAGS...]`: runs checks on a lab, and exits as their verdicts say. */
export function verifyCommand(signal: AbortSignal): Command {
  const command = new Command('verify')
    .description('run checks on real clusters and print the verdicts')
    .argument('[checks...]', 'ids, tags, systems or levels; the core checks when left out')
    .option('--tags <names>', 'tags, systems or levels with commas between, as if each were a word', list)
    .addOption(new Option('--profile <name>', 'smoke: the headline checks; core; full: all').choices(profiles))
    .option('--twins', "also run each check's sabotaged twins, which must turn it red", false)
    .option('--keep', 'leave the lab standing', false)
    .addOption(new Option('--shard <i/n>', 'only every nth check, from the ith on').argParser(shard))
    .addOption(new Option('--istio <version>', 'which Istio decides').choices([...istioChannels, 'both']))
    .option('--name <lab>', 'labs of different names stand side by side', defaultLabName)
    .option('--topology <name>', 'clusters of the lab, of kind/topologies', 'solo')
    .option('--context <name>', 'a cluster of your own, by the context of your kubeconfig, in place of a lab')
    .option('--revision <name>', 'with --context: the Istio revision there (default: default)')
    .addOption(new Option('--source <source>', 'force where images come from').choices(['pull', 'build']))
    .addOption(
      new Option('--soak <lifetimes>', 'how long the soak CR-19 lasts; 12 or more for a night').argParser(soak),
    )
    .addOption(
      new Option('--browser <name>', 'who makes the visits of login checks')
        .choices(visitors)
        .default(usualVerify.browser),
    )
    .option('--json', 'print the run as JSON', false)
    .option('--sabotage <twin>', "run the one check in this twin's set-up: a failure on purpose")
    .option('--without <capability>', 'pretend that a capability is missing; may be repeated', collect, [])
    .addHelpText('after', `${providerHelp}\n${examples}`)
    .action(async (words: string[], options: VerifyOptions) => {
      process.exitCode = await verify([...words, ...(options.tags ?? [])], options, signal);
    });
  providerOptions.forEach((each) => command.addOption(each));
  return command;
}

/** Checks every input, and only then starts anything. @returns the exit code */
export async function verify(words: string[], options: VerifyOptions, signal: AbortSignal): Promise<number> {
  const start = new Date();
  const timings = new Timings();
  const step = timings.stopwatch();
  const { profile, name, topology, source, sabotage, without, browser: visitor, ...rest } = options;
  checkLabName(name);
  const reading = without.length > 0 ? loadCatalogue() : loadChecks(words);
  const [catalogue] = await Promise.all([reading, readTopology(topology), loadVersions()]);
  requireKnown(without, catalogue);
  const selected = select(catalogue, words, profile);
  const sharded = options.shard ? shardOf(selected, options.shard) : selected;
  const checks = options.soak === undefined ? sharded : sharded.map((each) => lasting(each, options.soak));
  const twin = sabotage === undefined ? undefined : sabotageOf(checks, sabotage);
  const existing = existingOf(options);
  const channels = existing ? ['current' as const] : channelsOf(options.istio ?? usualChannels(words, profile));
  const outside = await outsideProvider(options, process.env, signal);
  const plan = await planRun(checks, channels, name, { revision: existing?.revision, outside });
  const needs = plan.needs.filter((each) => !without.includes(each));
  const own = plan.channels.includes('envoy-gateway') ? envoyGatewayImages() : [];
  const parts = existing ? plan.parts : [...new Set([...plan.parts, ...addOnParts(needs), ...own])];
  const chosen = {
    name,
    topology,
    channels: plan.channels,
    without,
    ...(source && { source }),
    ...(existing && { existing }),
  };
  const lab: LabWish = { ...chosen, parts, tools: plan.tools, needs };
  // What works on clusters takes half a second to read from disk: meanwhile the engine is asked, and images are looked for.
  const running = import('#cli/verify-run.ts');
  await using browser = visitor === 'chromium' ? await openChromium(signal) : undefined;
  const prepared = existing || !needsGround(plan) ? undefined : await prepare(lab, { keep: rest.keep, step, signal });
  return await (
    await running
  ).runVerify({
    start,
    timings,
    ...(prepared && { prepared }),
    lab,
    checks,
    plan,
    twins: rest.twins,
    keep: rest.keep,
    json: rest.json,
    ...(twin && { sabotage: twin }),
    ...(outside && { identityProvider: outside.issuer }),
    flags: quoted(providerWords(options)),
    ...(browser && { browser }),
    command: commandLine(process.argv.slice(2)),
    signal,
  });
}

/** With a cluster of the user's, nothing of a lab can be chosen. */
function existingOf({ context, revision, istio }: VerifyOptions): { context: string; revision: string } | undefined {
  if (context !== undefined && istio !== undefined)
    throw new UsageError('--istio chooses what a lab gets; a cluster of yours has what it has', 'use --revision NAME');
  if (context === undefined && revision !== undefined)
    throw new UsageError('--revision belongs to --context; in a lab, --istio chooses');
  return context === undefined ? undefined : { context, revision: revision ?? 'default' };
}

/** A capability that no check needs is a slip of the pen. */
function requireKnown(without: readonly string[], checks: readonly Check[]): void {
  const known = [...new Set(checks.flatMap(({ needs }) => needs))];
  const unknown = without.find((each) => !known.includes(each));
  if (unknown === undefined) return;
  throw new UsageError(
    `--without ${unknown}: no check needs that; they need ${known.join(', ')}`,
    nearest(unknown, known, 'did you mean'),
  );
}

const prepare: typeof prepareLab = async (wish, options) =>
  (await import('#cli/prepare-lab.ts')).prepareLab(wish, options);

/** What drives it is read only by a run that asks for it. */
const openChromium = async (signal: AbortSignal) => (await import('#cli/open-browser.ts')).openChromium(signal);

/** What is asked for by name is wanted fast; a whole profile is decided on both versions. */
function usualChannels(words: readonly string[], profile: Profile | undefined): IstioChannel | 'both' {
  if (profile === undefined) return words.length === 0 ? 'both' : 'current';
  return profile === 'smoke' ? 'current' : 'both';
}

const channelsOf = (wish: IstioChannel | 'both'): IstioChannel[] => (wish === 'both' ? [...istioChannels] : [wish]);

/** What was typed, as it can be typed again. */
export const commandLine = (argv: readonly string[]): string => ['./meshwitness', ...quoted(argv)].join(' ');

const quoted = (words: readonly string[]): string[] =>
  words.map((each) => (/^[\w./:=@-]+$/.test(each) ? each : `'${each.replaceAll("'", String.raw`'\''`)}'`));

function shard(text: string): Shard {
  try {
    return parseShard(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** A check whose length can be chosen says so by a parameter `lifetimes`. */
function lasting(check: CataloguedCheck, lifetimes: number | undefined): CataloguedCheck {
  if (check.params?.['lifetimes'] === undefined) return check;
  return { ...check, params: { ...check.params, lifetimes: String(lifetimes) } };
}

/** A soak has a suspension, a stepped clock and an issuer that stops: less than this does not hold them. */
const shortestSoak = 3.6;

function soak(text: string): number {
  const lifetimes = Number(text);
  if (lifetimes >= shortestSoak && lifetimes <= 10_000) return lifetimes;
  throw new InvalidArgumentError(`expected a number of lifetimes from ${shortestSoak} on, such as 12`);
}

function list(text: string): string[] {
  const names = text.split(',').map((each) => each.trim());
  if (names.every((each) => each !== '')) return names;
  throw new InvalidArgumentError('expected names with commas between, such as mtls,outage');
}

const collect = (value: string, before: string[]): string[] => [...before, value];
