import { productName, type Channel } from '#install/channel.ts';
import type { Cluster } from '#lab/cluster.ts';
import type { Browser } from '#probe/browser.ts';
import { messageOf } from '#support/errors.ts';
import type { Evidence } from '#support/evidence.ts';
import type { Twin } from '#verdict/check.ts';
import type { Group, PlannedCheck, RunPlan } from '#verdict/plan.ts';
import { isGood } from '#verdict/is-good.ts';
import { verdictSchemaVersion, type Verdict, type VerdictLine } from '#verdict/result.ts';
import { runCheck, type CheckResult, type CheckRun } from '#verdict/run-check.ts';
import { looksAgain, mostDoubts, type Doubt } from '#verdict/second-look.ts';
import { deployScene, type Scene } from '#verdict/scene.ts';

/** One control plane that checks run under. */
export interface Target {
  cluster: Cluster;
  /**
   * What it can do, asked once; a scene's sidecar tells what its proxies can do. Less what the run pretends is missing.
   */
  capabilities: (scene?: Scene) => Promise<readonly string[]>;
}

/** What a run is told to do, and whom it tells. */
export interface RunOptions {
  targets: ReadonlyMap<Channel, Target>;
  twins: boolean;
  /** Runs its check in this twin's set-up, and reports it as the check. */
  sabotage?: Twin;
  /** Makes visits, in place of the fixture's browser. */
  browser?: Browser;
  signal: AbortSignal;
  /** Told of each verdict when it is reached; the run waits until it is kept. */
  verdict: (line: VerdictLine, evidence?: Evidence) => Promise<unknown>;
  /** Dumps a scene that shows a failure; returns the folder, relative to the run's. */
  dump: (scene: Scene, planned: PlannedCheck) => Promise<string>;
  /** Told when a check has begun, and has waits before it for work that need not be done earlier. */
  underWay?: () => void;
  /** Told of what did not hold beside others, and will be looked at again. */
  doubted?: (line: VerdictLine) => void;
  /** Told how long a scene took to stand, in milliseconds. */
  timed: (step: string, durationMs: number) => void;
}

/**
 * Runs the checks that share scenes: one control plane after the other, its scenes beside each other, the checks of a scene
 * one after another, each check's twins right after it. What did not hold beside other scenes is looked at again when all
 * have ended, and only then decided. Whatever goes wrong with one is its verdict; only an interrupt is thrown.
 */
export async function runGroups({ groups }: RunPlan, options: RunOptions): Promise<void> {
  const doubts = new Map<Group, Doubt[]>(groups.map((each) => [each, []]));
  try {
    for (const own of Map.groupBy(groups, ({ channel }) => channel).values()) {
      // What had the machine to itself gains nothing from a second look.
      const crowded = own.length > 1 && options.sabotage === undefined;
      const run = (group: Group) => runGroup(group, options, crowded ? doubts.get(group) : undefined);
      // All of them: a group that an interrupt cuts off must have cleaned up before the run ends.
      const ended = await Promise.allSettled(own.map(run));
      const failed = ended.find((each) => each.status === 'rejected');
      if (failed) throw failed.reason;
    }
    if ([...doubts.values()].flat().length > mostDoubts) return;
    for (const [group, own] of doubts) if (own.length > 0) await lookAgain(group, own, options);
  } finally {
    for (const { first } of [...doubts.values()].flat()) await options.verdict(first.line, first.evidence);
  }
}

/** Takes each of the doubts off the list when it is decided: those that an interrupt leaves there keep their first verdict. */
async function lookAgain({ channel, plan }: Group, doubts: Doubt[], options: RunOptions): Promise<void> {
  await onScene({ channel, plan }, options, async (footing) => {
    for (let doubt = doubts[0]; doubt !== undefined; doubt = doubts[0]) {
      if (footing.scene === undefined) return;
      const { planned, twin, first } = doubt;
      const again = await runCheck({ ...runOf(planned, footing, options), ...(twin && { twin }) });
      doubts.shift();
      const { line, evidence } = looksAgain(first, again);
      await options.verdict(line, evidence);
    }
  });
}

/**
 * Runs, one after another, the checks that must be alone.
 *
 * @param lab false on a cluster of the user's: checks of the harness itself need a lab that they may break
 */
export async function runAlone({ alone }: RunPlan, options: RunOptions, lab = true): Promise<void> {
  for (const { planned, plan } of alone) {
    if (!plan && !lab) {
      await options.verdict(undecided(planned, 'unsupported', 'a lab of the harness is absent here'));
      continue;
    }
    if (plan) await runGroup({ channel: planned.channel, plan, checks: [planned] }, options);
    else
      await runPlanned(
        planned,
        { capabilities: await targetOf(options.targets, planned.channel).capabilities() },
        options,
      );
  }
}

/** @param doubts takes what did not hold; without, everything is decided at once */
async function runGroup(group: Group, options: RunOptions, doubts?: Doubt[]): Promise<void> {
  await onScene(group, options, async (footing) => {
    for (const planned of group.checks) await runPlanned(planned, footing, options, doubts);
  });
}

async function onScene(
  { channel, plan }: Pick<Group, 'channel' | 'plan'>,
  { targets, signal, timed }: RunOptions,
  act: (footing: Footing) => Promise<void>,
): Promise<void> {
  const { cluster, capabilities } = targetOf(targets, channel);
  let footing: Footing;
  try {
    const start = performance.now();
    const scene = await deployScene(cluster, plan, signal);
    timed(`scene ${plan.name} (${productName(channel)})`, performance.now() - start);
    footing = { scene, capabilities: await capabilities(scene) };
  } catch (error) {
    signal.throwIfAborted();
    footing = { trouble: `the scene did not come up: ${messageOf(error)}`, capabilities: [] };
  }
  try {
    await act(footing);
  } finally {
    if (footing.scene && footing.scene.courses.size > 0) await takeDown(footing.scene).catch(() => undefined);
    await footing.scene?.[Symbol.asyncDispose]();
  }
}

/** Proxies that have lived through a course are of no use to others, and go on renewing: what runs next has the machine. */
async function takeDown({ cluster, plan }: Scene): Promise<void> {
  const objects = plan.workloads.flatMap((each) => each.objects);
  await cluster.remove(objects.filter(({ kind }) => kind === 'Deployment'));
}

/** What a check stands on. */
interface Footing {
  /** Absent for checks of the harness itself. */
  scene?: Scene;
  /** Why there is no scene, in words. */
  trouble?: string;
  capabilities: readonly string[];
}

async function runPlanned(
  planned: PlannedCheck,
  footing: Footing,
  options: RunOptions,
  doubts?: Doubt[],
): Promise<void> {
  const { check } = planned;
  const { trouble, capabilities } = footing;
  const { signal, sabotage, verdict, twins } = options;
  signal.throwIfAborted();
  if (trouble !== undefined) return void (await verdict(undecided(planned, 'inconclusive', trouble)));
  const absent = check.needs.find((each) => !capabilities.includes(each));
  if (absent !== undefined)
    return void (await verdict(undecided(planned, 'unsupported', `${absent} is absent here, and the check needs it`)));
  const decide = async (first: CheckResult, twin?: Twin): Promise<void> => {
    if (!doubts || isGood(first.line)) return void (await verdict(first.line, first.evidence));
    doubts.push({ planned, first, ...(twin && { twin }) });
    options.doubted?.(first.line);
  };
  const shared = runOf(planned, footing, options);
  const running = runCheck({ ...shared, ...(sabotage && { sabotage }) });
  options.underWay?.();
  await decide(await running);
  for (const twin of twins ? check.twins : []) await decide(await runCheck({ ...shared, twin }), twin);
}

function runOf(
  planned: PlannedCheck,
  { scene, capabilities }: Footing,
  { signal, dump, browser }: RunOptions,
): CheckRun {
  const { check, names, manifests } = planned;
  const own = scene && { scene, dump: () => dump(scene, planned) };
  return { check, names, manifests, capabilities, signal, ...(browser && { browser }), ...own };
}

function targetOf(targets: RunOptions['targets'], channel: Channel): Target {
  const found = targets.get(channel);
  if (!found) throw new Error(`${productName(channel)} was planned and not installed`);
  return found;
}

/** A verdict that no evidence was needed for. */
export function undecided(
  { check, channel }: Pick<PlannedCheck, 'check' | 'channel'>,
  verdict: Extract<Verdict, 'unsupported' | 'roadmap' | 'inconclusive'>,
  reason: string,
): VerdictLine {
  return {
    schema: verdictSchemaVersion,
    id: check.id,
    verdict,
    reason,
    unstable: false,
    witnesses: [],
    findings: [],
    attempts: 0,
    durationMs: 0,
    ...(check.scene !== undefined && { product: productName(channel) }),
  };
}
