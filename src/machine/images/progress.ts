import { Listr } from 'listr2';
import prettyMs from 'pretty-ms';
import type { PartEvent } from '#machine/ready-part.ts';

type Watch = (event: PartEvent) => void;

interface Active {
  detail: string;
  since: number;
  expectedMs: number | undefined;
}

/** Between two drawings of the elapsed time, in milliseconds. */
const tickMs = 1000;

/**
 * Runs something that makes parts and shows how it goes: on a terminal a list that is drawn again each second, with
 * elapsed and expected time; elsewhere a line for each step. Nothing is shown when nothing has to be made.
 *
 * @param work gets the function that ensureParts takes as onProgress
 */
export async function withProgress<T>(work: (onProgress: Watch) => Promise<T>): Promise<T> {
  return process.stderr.isTTY ? drawn(work) : printed(work);
}

/** One event as a line, undefined for those that only a drawing shows. */
export function eventLine({ part, state, detail, expectedMs, tookMs }: PartEvent): string | undefined {
  if (state === 'working')
    return `${part}: ${detail}${expectedMs === undefined ? '' : ` (about ${time(expectedMs)} in all)`}`;
  if (state === 'ready') return `${part}: ${detail} in ${time(tookMs ?? 0)}`;
  return state === 'note' ? detail : undefined;
}

async function printed<T>(work: (onProgress: Watch) => Promise<T>): Promise<T> {
  return work((event) => {
    const line = eventLine(event);
    if (line !== undefined) process.stderr.write(`${line}\n`);
  });
}

async function drawn<T>(work: (onProgress: Watch) => Promise<T>): Promise<T> {
  const active = new Map<string, Active>();
  let [planned, finished] = [0, 0];
  let result: { value: T } | undefined;
  const list = new Listr(
    [
      {
        title: 'Images and tools',
        task: async (_, task) => {
          const draw = () => {
            task.title = planned === 0 ? 'Images and tools' : `Images and tools: ${finished} of ${planned}`;
            task.output = [...active].map(activeLine).join('\n');
          };
          // oxlint-disable-next-line no-restricted-globals -- a clock on the screen; nothing waits for it
          const timer = setInterval(draw, tickMs);
          try {
            const value = await work((event) => {
              if (event.state === 'planned') planned += 1;
              if (event.state === 'ready') finished += 1;
              note(active, event);
              draw();
            });
            result = { value };
            task.title = finished === 0 ? 'Images and tools: all here' : `Images and tools: ${finished} made`;
          } finally {
            clearInterval(timer);
          }
        },
        rendererOptions: { outputBar: Number.POSITIVE_INFINITY },
      },
    ],
    { exitOnError: true, rendererOptions: { suffixSkips: false, collapseErrors: true } },
  );
  await list.run();
  if (!result) throw new Error('the task ended without a result');
  return result.value;
}

function note(active: Map<string, Active>, { part, state, detail = '', expectedMs }: PartEvent): void {
  if (state === 'working')
    active.set(part, { detail, since: active.get(part)?.since ?? performance.now(), expectedMs });
  if (state === 'ready' || state === 'failed') active.delete(part);
}

function activeLine([part, { detail, since, expectedMs }]: [string, Active]): string {
  const elapsed = time(performance.now() - since);
  return `${part}: ${detail} ${elapsed}${expectedMs === undefined ? '' : ` of about ${time(expectedMs)}`}`;
}

function time(ms: number): string {
  return prettyMs(Math.max(1000, ms), { secondsDecimalDigits: 0 });
}
