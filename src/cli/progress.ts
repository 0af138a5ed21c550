import pc from 'picocolors';
import prettyMs from 'pretty-ms';
import { isGood } from '#verdict/is-good.ts';
import { failsOpen, type RunRecord, type VerdictLine } from '#verdict/result.ts';

/** Progress goes to stderr: stdout belongs to the result, which may be JSON. */
export const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Shorter steps are nothing that a person waits for. */
const worthALineMs = 1000;

/** How long each step of a run took, told as each ends. */
export class Timings {
  readonly list: RunRecord['timings'] = [];

  /** @param durationMs in milliseconds */
  add(step: string, durationMs: number): void {
    this.list.push({ step, durationMs: Math.round(durationMs) });
    if (durationMs >= worthALineMs && !step.startsWith('checks')) say(pc.dim(`  ${step}: ${prettyMs(durationMs)}`));
  }

  /** Adds the time of each step from the end of the one before it. */
  stopwatch(): (step: string) => void {
    let since = performance.now();
    return (step) => {
      const now = performance.now();
      this.add(step, now - since);
      since = now;
    };
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

/** A verdict as it is told while the run goes on; with its reason, where it is not what was hoped for. */
export function progressLine({
  id,
  twin,
  product,
  verdict,
  durationMs,
  reason,
  label,
  unstable,
  earlier,
}: VerdictLine): string {
  const name = nameOf({ id, twin, product });
  const good = isGood({ verdict });
  const repeated = unstable && earlier ? `: at first: ${earlier.join('; ')}` : '';
  const why = good ? (label === undefined ? repeated : `: ${label}${repeated}`) : `: ${reason}`;
  const shown = label === failsOpen ? pc.red(pc.bold('✗ FAILS OPEN')) : shownVerdict[verdict];
  return `${shown}${unstable ? ' (unstable)' : ''}  ${name}  ${prettyMs(durationMs)}${why}`;
}

/** What did not hold beside others is told at once, and decided later. */
export function doubtLine(line: VerdictLine): string {
  return `${pc.yellow('… again')}  ${nameOf(line)}  ${prettyMs(line.durationMs)}: when all else has ended: ${line.reason}`;
}

const nameOf = ({ id, twin, product }: Partial<VerdictLine>): string =>
  [id, twin && `twin ${twin}`, product].filter((each) => each !== undefined).join(' · ');
