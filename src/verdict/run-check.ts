import { productName } from '#install/channel.ts';
import type { Manifest } from '#lab/cluster.ts';
import type { Browser } from '#probe/browser.ts';
import { messageOf } from '#support/errors.ts';
import type { Evidence } from '#support/evidence.ts';
import type { Check, Twin } from '#verdict/check.ts';
import { judge, judgeTwin, type Judgement } from '#verdict/judge.ts';
import { isGood } from '#verdict/is-good.ts';
import { verdictSchemaVersion, type VerdictLine } from '#verdict/result.ts';
import type { Scene } from '#verdict/scene.ts';
import { Stage } from '#verdict/stage.ts';

/** A check is repeated once when it did not pass: a second look tells an unstable check from a broken mesh. */
export const mostAttempts = 2;

/** What one check, or one of its twins, runs on. */
export interface CheckRun {
  check: Check;
  twin?: Twin;
  /** Runs the check in this twin's set-up, yet reports it as the check: what a failure looks like. */
  sabotage?: Twin;
  /** Absent for checks of the harness itself. */
  scene?: Scene;
  /** What placeholders stand for: those of the scene, and `lab`. */
  names: Record<string, string>;
  manifests: readonly Manifest[];
  capabilities: readonly string[];
  signal: AbortSignal;
  /** Makes visits, in place of the fixture's browser. */
  browser?: Browser;
  /** Dumps the scene while it shows the failure; returns the folder, relative to the run's. */
  dump?: () => Promise<string>;
}

export interface CheckResult {
  line: VerdictLine;
  evidence?: Evidence;
}

/** Runs one check, or one twin, to a verdict. Whatever goes wrong on the way is a verdict too; only an interrupt is thrown. */
export async function runCheck(run: CheckRun): Promise<CheckResult> {
  const start = performance.now();
  let attempts = 0;
  let dump: string | undefined;
  const reasons: string[] = [];
  let result: Attempt;
  do {
    attempts += 1;
    const last = attempts === mostAttempts;
    const freeze = async () => void (dump = await run.dump?.());
    result = await attempt(run, attempts, last && !run.twin ? freeze : undefined);
    run.signal.throwIfAborted();
    reasons.push(result.judgement.reason);
  } while (attempts < mostAttempts && !settled(run, result.judgement));
  const { judgement, evidence } = result;
  const decided = run.twin ? judgeTwin(judgement, run.twin) : judgement;
  const good = isGood(decided);
  const label = good ? run.check.label : judgement.label;
  const line: VerdictLine = {
    schema: verdictSchemaVersion,
    id: run.check.id,
    ...(run.twin && { twin: run.twin.name }),
    verdict: decided.verdict,
    reason: decided.reason,
    ...(label !== undefined && !run.twin && { label }),
    unstable: good && attempts > 1,
    ...(attempts > 1 && { earlier: reasons.slice(0, -1) }),
    witnesses: judgement.witnesses,
    findings: judgement.findings,
    attempts,
    durationMs: Math.round(performance.now() - start + result.sharedMs),
    ...(dump !== undefined && !good && { dump }),
    ...(run.scene && { product: productName(run.scene.plan.channel) }),
  };
  return evidence ? { line, evidence } : { line };
}

function settled({ twin }: CheckRun, judgement: Judgement): boolean {
  return twin ? judgeTwin(judgement, twin).verdict === 'caught' : judgement.verdict === 'pass';
}

async function attempt(run: CheckRun, count: number, freeze: (() => Promise<void>) | undefined): Promise<Attempt> {
  const { check, scene, names, manifests, signal, browser } = run;
  const twin = run.twin ?? run.sabotage;
  const parts = { check, names, manifests, signal, attempt: count, ...(scene && { scene }), ...(twin && { twin }) };
  const stage = new Stage({ ...parts, ...(browser && { browser }), ...(freeze && { freeze }) });
  const undecided = (what: string, error: unknown): Attempt => {
    signal.throwIfAborted();
    const reason = `${what}: ${messageOf(error)}`;
    return { judgement: { verdict: 'inconclusive', reason, findings: [], witnesses: [] }, sharedMs: stage.sharedMs };
  };
  let result: Attempt;
  try {
    const params = { ...check.params };
    for (const [key, value] of Object.entries(twin?.params ?? {})) if (value !== undefined) params[key] = value;
    await stage.open();
    await check.collect(stage, params);
    const evidence = { ...(await stage.evidence(run.capabilities)), params };
    const judgement = judge(check, evidence);
    if (judgement.verdict !== 'pass') await stage.freeze();
    result = { judgement, evidence, sharedMs: stage.sharedMs };
  } catch (error) {
    if (!signal.aborted) await stage.freeze().catch(() => undefined);
    await stage.close().catch(() => undefined);
    return undecided('nothing could be collected', error);
  }
  return stage.close().then(
    () => result,
    (error: unknown) => undecided('its objects could not be taken away', error),
  );
}

interface Attempt {
  judgement: Judgement;
  evidence?: Evidence;
  sharedMs: number;
}
