import { productName, type Channel } from '#install/channel.ts';
import type { Cluster } from '#lab/cluster.ts';
import { messageOf } from '#support/errors.ts';
import type { Evidence } from '#support/evidence.ts';
import type { Twin } from '#verdict/check.ts';
import type { Group, PlannedCheck, RunPlan } from '#verdict/plan.ts';
import { verdictSchemaVersion, type Verdict, type VerdictLine } from '#verdict/result.ts';
import { runCheck } from '#verdict/run-check.ts';
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
  signal: AbortSignal;
  /** Told of each verdict when it is reached; the run waits until it is kept. */
  verdict: (line: VerdictLine, evidence?: Evidence) => Promise<unknown>;
  /** Dumps a scene that shows a failure; returns the folder, relative to the run's. */
  dump: (scene: Scene, planned: PlannedCheck) => Promise<string>;
  /** Told when a check has begun, and has waits before it for work that need not be done earlier. */
  underWay?: () => void;
  /** Told how long a scene took to stand, in milliseconds. */
  timed: (step: string, durationMs: number) => void;
}

/**
 * Runs the checks that share scenes: one control plane after the other, its scenes beside each other, the checks of a scene
 * one after another, each check's twins right after it. Whatever goes wrong with one is its verdict; only an interrupt is
 * thrown.
 */
export async function runGroups({ groups }: RunPlan, options: RunOptions): Promise<void> {
  for (const own of Map.groupBy(groups, ({ channel }) => channel).values()) {
    // All of them: a group that an interrupt cuts off must have cleaned up before the run ends.
    const ended = await Promise.allSettled(own.map((group) => runGroup(group, options)));
    const failed = ended.find((each) => each.status === 'rejected');
    if (failed) throw failed.reason;
  }
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

async function runGroup({ channel, plan, checks }: Group, options: RunOptions): Promise<void> {
  const { targets, signal, timed } = options;
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
    for (const planned of checks) await runPlanned(planned, footing, options);
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

async function runPlanned(planned: PlannedCheck, footing: Footing, options: RunOptions): Promise<void> {
  const { check, names, manifests } = planned;
  const { scene, trouble, capabilities } = footing;
  const { signal, sabotage, verdict, dump } = options;
  signal.throwIfAborted();
  if (trouble !== undefined) return void (await verdict(undecided(planned, 'inconclusive', trouble)));
  const absent = check.needs.find((each) => !capabilities.includes(each));
  if (absent !== undefined)
    return void (await verdict(undecided(planned, 'unsupported', `${absent} is absent here, and the check needs it`)));
  const shared = { check, names, manifests, capabilities, signal, ...(scene && { scene }) };
  const running = runCheck({
    ...shared,
    ...(sabotage && { sabotage }),
    ...(scene && { dump: () => dump(scene, planned) }),
  });
  options.underWay?.();
  const { line, evidence } = await running;
  await verdict(line, evidence);
  if (!options.twins) return;
  for (const twin of check.twins) {
    const sabotaged = await runCheck({ ...shared, twin });
    await verdict(sabotaged.line, sabotaged.evidence);
  }
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
