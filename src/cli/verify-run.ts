import { relative } from 'node:path';
import pc from 'picocolors';
import type { ContextLease } from '#cli/context-lease.ts';
import type { LabLease } from '#cli/lab-lease.ts';
import { exitCodeOf } from '#cli/exit-code.ts';
import { doubtLine, progressLine, say, type Timings } from '#cli/progress.ts';
import type { LabWish } from '#cli/lab-wish.ts';
import type { PreparedLab } from '#cli/prepare-lab.ts';
import type { AllureWriter } from '#cli/reporting.ts';
import { readyContext, readyLab, takeContext, type ReadyLab } from '#cli/verify-lab.ts';
import { checkRecords, machineFacts } from '#cli/verify-record.ts';
import { productName } from '#install/channel.ts';
import type { Chromium } from '#probe/chromium/chromium.ts';
import { ToldError } from '#support/errors.ts';
import { paths } from '#support/paths.ts';
import { loadCatalogue, type CataloguedCheck } from '#verdict/catalogue.ts';
import type { Twin } from '#verdict/check.ts';
import { differencesOf } from '#verdict/differences.ts';
import { dumpScene } from '#verdict/dump.ts';
import { removeLeftovers } from '#verdict/leftovers.ts';
import { needsGround, type RunPlan } from '#verdict/plan.ts';
import type { RunRecord } from '#verdict/result.ts';
import { runAlone, runGroups, undecided, type RunOptions } from '#verdict/run.ts';
import { fileStem, RunFolder, runId } from '#verdict/run-folder.ts';

/** A run whose every input has been checked. */
export interface VerifyRequest {
  start: Date;
  timings: Timings;
  checks: readonly CataloguedCheck[];
  plan: RunPlan;
  lab: LabWish;
  /** Absent on a cluster of the user's, and where nothing is to be run. */
  prepared?: PreparedLab;
  twins: boolean;
  keep: boolean;
  json: boolean;
  sabotage?: Twin;
  /** Issuer of the user's OpenID provider that logins go to; absent where that is ours. */
  identityProvider?: string;
  /** Words that the command for a single check needs as well. */
  flags: readonly string[];
  /** Makes the visits of login checks, in place of the fixture's browser. */
  browser?: Chromium;
  command: string;
  signal: AbortSignal;
}

/**
 * Makes the machine and the lab ready, runs the checks, writes every report, prints the summary, and removes what it made.
 *
 * @returns the exit code that the verdicts call for
 */
export async function runVerify(request: VerifyRequest): Promise<number> {
  const { lease, make } = await groundOf(request);
  try {
    const ready = await make();
    if (lease?.afterKill) await cleanUp(ready, lease);
    const folder = await RunFolder.create(paths.reports, await recordOf(request, ready));
    say(pc.dim(`verdicts go to ${relative(process.cwd(), folder.dir) || folder.dir}`));
    return await decide(request, folder, ready, lease);
  } finally {
    await request.prepared?.making[Symbol.asyncDispose]();
    await lease?.end(request.keep);
  }
}

/** What the checks run on, held for this run, and made ready when asked. */
interface Ground {
  lease?: LabLease | ContextLease;
  make: () => Promise<ReadyLab>;
}

async function groundOf({ lab, plan, prepared, timings, signal }: VerifyRequest): Promise<Ground> {
  if (!needsGround(plan)) return { make: async () => ({ provider: 'none', products: [], targets: new Map() }) };
  if (prepared) return { lease: prepared.lease, make: () => readyLab(lab, prepared, timings.stopwatch(), signal) };
  if (!lab.existing) throw new Error('a run without a context of the user needs a lab that is prepared');
  const { context, revision } = lab.existing;
  const { lease, cluster } = await takeContext(context, signal);
  return { lease, make: () => readyContext(cluster, lab, revision) };
}

async function recordOf(
  { command, start, prepared, lab, checks, plan, browser, identityProvider, flags }: VerifyRequest,
  { provider, products }: ReadyLab,
): Promise<RunRecord> {
  return {
    schema: 1,
    run: runId(start),
    command,
    start: start.toISOString(),
    topology: lab.existing ? `context ${lab.existing.context}` : lab.topology,
    provider,
    ...(identityProvider !== undefined && { identityProvider }),
    products,
    capabilities: {},
    machine: await machineFacts(prepared?.engine, browser?.name),
    timings: [],
    checks: await checkRecords(checks, plan, [...(browser ? ['--browser', 'chromium'] : []), ...flags]),
    differences: [],
  };
}

/** Runs the checks, and closes the folder with every report however the run ended. */
async function decide(
  request: VerifyRequest,
  folder: RunFolder,
  { targets, watch }: ReadyLab,
  lease: Ground['lease'],
): Promise<number> {
  const { plan, checks, timings, signal } = request;
  const options = optionsFor(request, folder, targets);
  const step = timings.stopwatch();
  let failure: { error: unknown } | undefined;
  try {
    for (const check of checks.filter(({ level }) => level === 'roadmap'))
      await options.verdict(undecided({ check, channel: 'current' }, 'roadmap', 'named by the customer as later work'));
    for (const { reason, ...withheld } of plan.withheld)
      await options.verdict(undecided(withheld, 'unsupported', reason));
    await onGround(watch, options, (watched) => runGroups(plan, watched));
    step('checks');
    await folder.update({ capabilities: await capabilitiesOf(targets) });
    if (plan.alone.length > 0) {
      await lease?.lend();
      await runAlone(plan, options, request.lab.existing === undefined);
      step('checks alone');
    }
  } catch (error) {
    failure = { error };
  }
  const exitCode = signal.aborted ? 130 : failure ? exitCodeFor(failure.error) : exitCodeOf(folder.lines);
  const { killScore, runSummary, writeReports } = await reporting();
  const score = killScore(folder.lines);
  await folder.update({
    end: new Date().toISOString(),
    exitCode,
    peakMemoryMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    timings: timings.list,
    differences: differencesOf(folder.lines, (line) => folder.evidenceOf(line)),
    ...(score && { killScore: score }),
  });
  await folder.close();
  const { page } = await writeReports(folder.dir);
  const { record, lines } = folder;
  if (request.json) console.log(JSON.stringify({ ...record, dir: folder.dir, verdicts: lines }, undefined, 2));
  else console.log(`\n${runSummary(record, lines, page)}`);
  if (failure && !signal.aborted) throw failure.error;
  return exitCode;
}

/** Runs checks for as long as the lab stands. @throws NotReadyError when a node stops or the engine goes away */
async function onGround(
  watch: ReadyLab['watch'],
  options: RunOptions,
  run: (options: RunOptions) => Promise<void>,
): Promise<void> {
  if (!watch) return run(options);
  using ground = watch();
  const { promise: lost, reject } = Promise.withResolvers<never>();
  ground.gone.addEventListener('abort', () => reject(ground.gone.reason as Error), { once: true });
  const running = run({ ...options, signal: AbortSignal.any([options.signal, ground.gone]) });
  // Checks that are cut off would wait for an API server that is gone, to clean up what is gone as well.
  running.catch(() => undefined);
  await Promise.race([running, lost]);
}

function optionsFor(
  { twins, sabotage, browser, timings, signal }: VerifyRequest,
  folder: RunFolder,
  targets: RunOptions['targets'],
): RunOptions {
  let opened: Promise<AllureWriter> | undefined;
  const allure = () => (opened ??= openAllure(folder));
  return {
    targets,
    twins,
    signal,
    timed: (step, durationMs) => timings.add(step, durationMs),
    // Once its first requests are on their way. What goes wrong is told where the module is needed.
    underWay: () => void setImmediate(() => void reporting().catch(() => undefined)),
    ...(sabotage && { sabotage }),
    ...(browser && { browser }),
    verdict: async (found, evidence) => {
      const line = await folder.add(found, evidence);
      const check = folder.record.checks[line.id];
      if (check) (await allure()).add(line, check);
      say(progressLine(line));
    },
    doubted: (line) => say(doubtLine(line)),
    dump: async (scene, { check, channel, manifests }) => {
      const name = `dumps/${fileStem({ id: check.id, product: productName(channel) })}`;
      await dumpScene(scene, { uses: check.uses ?? [], applied: manifests, folder: `${folder.dir}/${name}`, signal });
      return name;
    },
  };
}

const reporting = () => import('#cli/reporting.ts');

async function openAllure({ dir, record }: RunFolder): Promise<AllureWriter> {
  const writer = (await reporting()).allureWriter(dir);
  writer.environment(record);
  return writer;
}

const exitCodeFor = (error: unknown): number => (error instanceof ToldError ? error.exitCode : 1);

async function cleanUp({ targets }: ReadyLab, lease: LabLease | ContextLease): Promise<void> {
  const clusters = new Set([...targets.values()].map(({ cluster }) => cluster));
  const catalogue = await loadCatalogue();
  const removed = await Promise.all([...clusters].map((cluster) => removeLeftovers(cluster, catalogue)));
  if (removed.flat().length > 0) say(`removed what a killed run left: ${removed.flat().join(', ')}`);
  lease.cleaned();
}

async function capabilitiesOf(targets: RunOptions['targets']): Promise<RunRecord['capabilities']> {
  const asked = [...targets].map(async ([channel, { capabilities }]): Promise<[string, string[]]> => [
    productName(channel),
    [...(await capabilities())],
  ]);
  return Object.fromEntries(await Promise.all(asked));
}
