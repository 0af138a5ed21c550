import ora from 'ora';
import prettyMs from 'pretty-ms';
import type { PartEvent } from '#machine/ready-part.ts';

type Watch = (event: PartEvent) => void;

/** What is done for parts right now, a line for each, with the time that was spent on it so far. */
export class Activity {
  readonly #now = new Map<string, { detail: string; since: number; expectedMs: number | undefined }>();
  readonly #spent = new Map<string, number>();

  note({ part, state, detail = '', expectedMs }: PartEvent): void {
    const spent = this.#spent.get(part) ?? 0;
    if (state === 'working') this.#now.set(part, { detail, since: performance.now() - spent, expectedMs });
    if (state !== 'waiting') return;
    this.#spent.set(part, performance.now() - (this.#now.get(part)?.since ?? performance.now()));
    this.#now.delete(part);
  }

  get lines(): string[] {
    return [...this.#now].map(([part, { detail, since, expectedMs }]) => {
      const elapsed = time(performance.now() - since);
      return `${part}: ${detail} ${elapsed}${expectedMs === undefined ? '' : ` of about ${time(expectedMs)}`}`;
    });
  }
}

/** Between two drawings of the elapsed time, in milliseconds. */
const tickMs = 1000;

/**
 * Runs something that makes parts and shows how it goes: on a terminal a list that is drawn again each second, with
 * elapsed and expected time; elsewhere a line for each step. Nothing is shown when nothing has to be made. What goes on when
 * the work has ended is told by lines.
 *
 * @param work gets the function that ensureParts takes as onProgress
 */
export async function withProgress<T>(work: (onProgress: Watch) => Promise<T>): Promise<T> {
  // A terminal may not know its size, as in a container: nothing can be drawn again there.
  return process.stderr.isTTY && process.stderr.columns > 0 ? drawn(work) : work(print);
}

/** One event as a line, undefined for those that only a drawing shows. */
export function eventLine({ part, state, detail, expectedMs, tookMs }: PartEvent): string | undefined {
  if (state === 'working')
    return `${part}: ${detail}${expectedMs === undefined ? '' : ` (about ${time(expectedMs)} in all)`}`;
  if (state === 'ready') return `${part}: ${detail} in ${time(tookMs ?? 0)}`;
  return state === 'note' ? detail : undefined;
}

function print(event: PartEvent): void {
  const line = eventLine(event);
  if (line !== undefined) process.stderr.write(`${line}\n`);
}

async function drawn<T>(work: (onProgress: Watch) => Promise<T>): Promise<T> {
  const activity = new Activity();
  let [planned, finished, ended] = [0, 0, false];
  // On stderr, as all progress; Ctrl-C stays ours.
  const spinner = ora({ discardStdin: false });
  const draw = () => {
    const lines = activity.lines.map((line) => `    ${line}`);
    spinner.text = [`Images and tools: ${finished} of ${planned}`, ...lines].join('\n');
  };
  // oxlint-disable-next-line no-restricted-globals -- a clock on the screen; nothing waits for it
  const timer = setInterval(draw, tickMs);
  try {
    const value = await work((event) => {
      if (ended || event.state === 'note') {
        spinner.clear();
        return print(event);
      }
      if (event.state === 'planned') planned += 1;
      if (event.state === 'ready') finished += 1;
      activity.note(event);
      draw();
      if (!spinner.isSpinning) spinner.start();
    });
    if (planned > 0)
      spinner.succeed(`Images and tools: ${finished === planned ? '' : `${finished} of `}${planned} made`);
    return value;
  } catch (error) {
    if (planned > 0) spinner.fail(`Images and tools: ${finished} of ${planned} made`);
    throw error;
  } finally {
    ended = true;
    clearInterval(timer);
  }
}

function time(ms: number): string {
  return prettyMs(Math.max(1000, ms), { secondsDecimalDigits: 0 });
}
