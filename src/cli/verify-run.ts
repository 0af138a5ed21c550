import pc from 'picocolors';
import prettyMs from 'pretty-ms';
import { exitCodeOf } from '#cli/exit-code.ts';
import { readyLab, stopwatch, type LabWish } from '#cli/verify-lab.ts';
import { checkRecords, machineFacts } from '#cli/verify-record.ts';
import { downKind } from '#lab/down.ts';
import { readLab } from '#lab/record.ts';
import { holdLab, type LabHold } from '#lab/run-lock.ts';
import { ensureEngine } from '#machine/engine.ts';
import { allureWriter } from '#report/allure.ts';
import { runSummary } from '#report/table.ts';
import { killScore } from '#report/summary.ts';
import { writeReports } from '#report/write-reports.ts';
import { paths } from '#support/paths.ts';
import type { CataloguedCheck } from '#verdict/catalogue.ts';
import type { Twin } from '#verdict/check.ts';
import { differencesOf } from '#verdict/differences.ts';
import { dumpScene } from '#verdict/dump.ts';
import type { RunPlan } from '#verdict/plan.ts';
import type { RunRecord, VerdictLine } from '#verdict/result.ts';
import { runAlone, runGroups, undecided, type RunOptions } from '#verdict/run.ts';
import { fileStem, RunFolder, runId } from '#verdict/run-folder.ts';

/** A run whose every input has been checked. */
export interface VerifyRequest {
  checks: readonly CataloguedCheck[];
  plan: RunPlan;
  lab: LabWish;
  twins: boolean;
  keep: boolean;
  json: boolean;
  sabotage?: Twin;
  command: string;
  signal: AbortSignal;
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/**
 * Makes the machine and the lab ready, runs the checks, writes every report, prints the summary, and removes what it made.
 *
 * @returns the exit code that the verdicts call for
 */
export async function runVerify(request: VerifyRequest): Promise<number> {
  const { lab, keep, signal } = request;
  const start = new Date();
  const timings: RunRecord['timings'] = [];
  const timed = (step: string, durationMs: number) => void timings.push({ step, durationMs: Math.round(durationMs) });
  const clock = stopwatch(timed);
  const engine = await ensureEngine({ say, signal });
  clock('engine');
  const hold = await holdLab(lab.name, say, signal);
  const before = await readLab(lab.name);
  const ours = before?.complete !== true || hold.killed?.made === true;
  const lease = new Lease(hold, lab.name);
  try {
    if (ours) await hold.made();
    const ready = await readyLab(lab, { say, timed, signal });
    const { targets } = ready;
    const folder = await RunFolder.create(paths.reports, {
      schema: 1,
      run: runId(start),
      command: request.command,
      start: start.toISOString(),
      topology: lab.topology,
      provider: ready.provider,
      products: ready.products,
      capabilities: {},
      machine: await machineFacts(engine),
      timings,
      checks: await checkRecords(request.checks, request.plan),
      differences: [],
    });
    return await decide(request, folder, targets, lease, timings);
  } finally {
    if (ours && !keep) await lease.down();
    await lease.release();
  }
}

async function decide(
  request: VerifyRequest,
  folder: RunFolder,
  targets: RunOptions['targets'],
  lease: Lease,
  timings: RunRecord['timings'],
): Promise<number> {
  const { plan, checks, signal, twins, sabotage } = request;
  const timed = (step: string, durationMs: number) => void timings.push({ step, durationMs: Math.round(durationMs) });
  const clock = stopwatch(timed);
  const allure = allureWriter(folder.dir);
  allure.environment(folder.record);
  const options: RunOptions = {
    targets,
    twins,
    signal,
    timed,
    ...(sabotage && { sabotage }),
    verdict: async (found, evidence) => {
      const line = await folder.add(found, evidence);
      const check = folder.record.checks[line.id];
      if (check) allure.add(line, check);
      say(progressLine(line));
    },
    dump: async (scene, { check, channel, manifests }) => {
      const name = `dumps/${fileStem({ id: check.id, product: `istio-${channel}` })}`;
      await dumpScene(scene, { uses: check.uses ?? [], applied: manifests, folder: `${folder.dir}/${name}`, signal });
      return name;
    },
  };
  let interrupted = false;
  try {
    for (const check of checks.filter(({ level }) => level === 'roadmap'))
      await options.verdict(undecided({ check, channel: 'current' }, 'roadmap', 'named by the customer as later work'));
    await runGroups(plan, options);
    await folder.update({ capabilities: await capabilitiesOf(targets) });
    clock('checks');
    if (plan.alone.length > 0) {
      await lease.release();
      await runAlone(plan, options);
      clock('checks alone');
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    interrupted = true;
  }
  const exitCode = interrupted ? 130 : exitCodeOf(folder.lines);
  const score = killScore(folder.lines);
  await folder.update({
    end: new Date().toISOString(),
    exitCode,
    timings,
    differences: differencesOf(folder.lines, (line) => folder.evidenceOf(line)),
    ...(score && { killScore: score }),
  });
  await folder.close();
  const { page } = await writeReports(folder.dir);
  const { record, lines } = folder;
  if (request.json) console.log(JSON.stringify({ ...record, dir: folder.dir, verdicts: lines }, undefined, 2));
  else console.log(`\n${runSummary(record, lines, page)}`);
  return exitCode;
}

async function capabilitiesOf(targets: RunOptions['targets']): Promise<RunRecord['capabilities']> {
  const asked = [...targets].map(async ([channel, { capabilities }]) => [
    `istio-${channel}`,
    [...(await capabilities())],
  ]);
  return Object.fromEntries(await Promise.all(asked)) as RunRecord['capabilities'];
}

/** A lab that this run holds, lets go while checks of the harness itself use it, and takes back to remove it. */
class Lease {
  #hold: LabHold | undefined;
  readonly #name: string;

  constructor(hold: LabHold, name: string) {
    this.#hold = hold;
    this.#name = name;
  }

  async release(): Promise<void> {
    await this.#hold?.release();
    this.#hold = undefined;
  }

  /** Removes the lab, unless another run has taken it meanwhile. */
  async down(): Promise<void> {
    this.#hold ??= await holdLab(this.#name, say).catch(() => undefined);
    if (this.#hold) await downKind(this.#name);
    else say(`lab ${this.#name} stays: another run uses it`);
  }
}

const shownVerdict: Record<VerdictLine['verdict'], string> = {
  pass: pc.green('✓ pass'),
  caught: pc.green('✓ caught'),
  fail: pc.red('✗ fail'),
  missed: pc.red('✗ missed'),
  inconclusive: pc.yellow('? inconclusive'),
  unsupported: pc.dim('- unsupported'),
  roadmap: pc.dim('- roadmap'),
};

function progressLine({ id, twin, product, verdict, durationMs, reason }: VerdictLine): string {
  const name = [id, twin && `twin ${twin}`, product].filter((each) => each !== undefined).join(' · ');
  const why = verdict === 'pass' || verdict === 'caught' ? '' : `: ${reason}`;
  return `${shownVerdict[verdict]}  ${name}  ${prettyMs(durationMs)}${why}`;
}
