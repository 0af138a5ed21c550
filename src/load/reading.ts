import type { LoadResult } from '#support/load-evidence.ts';
import type { ScriptInput } from '#load/script-input.ts';
import { readScriptLine, type ScriptLine } from '#load/script-output.ts';

type Ended = Extract<ScriptLine, { event: 'ended' }>;
type Failure = Extract<ScriptLine, { event: 'failure' }>;
type Slow = Extract<ScriptLine, { event: 'slow' }>;

/** What the log of one k6 pod says, line by line. */
export class LoadReading {
  readonly #input: ScriptInput;
  #failures: Failure[] = [];
  #slow: Slow[] = [];
  #startedAt: number | undefined;
  #ended: Ended | undefined;
  #lastWords = 'nothing yet';

  constructor(input: ScriptInput) {
    this.#input = input;
  }

  /** True once the first requests are due. */
  get started(): boolean {
    return this.#startedAt !== undefined;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** What k6 itself said last, for whoever asks why there is no result. */
  get lastWords(): string {
    return this.#lastWords;
  }

  /** Forgets everything: the log is read again from its beginning. */
  restart(): void {
    this.#failures = [];
    this.#slow = [];
    this.#ended = undefined;
  }

  take(text: string): void {
    const line = readScriptLine(text);
    if (line === undefined) {
      if (text.trim() !== '') this.#lastWords = text.trim().slice(0, 300);
      return;
    }
    if (line.event === 'started') this.#startedAt = line.at;
    if (line.event === 'ended') this.#ended = line;
    if (line.event === 'failure') this.#failures.push(line);
    if (line.event === 'slow') this.#slow.push(line);
  }

  /**
   * One result for each stream; undefined before the end.
   *
   * @param stopped the load was told to stop: what was on its way then is no loss
   */
  results(stopped: boolean): LoadResult[] | undefined {
    return this.#ended?.results.map((result, index) => {
      const stream = this.#input.streams[index];
      const { answered, latencyMs, ...rest } = result;
      const answers = Object.values(answered).reduce((sum, each) => sum + each, 0);
      return {
        ...rest,
        ...(latencyMs && { latencyMs }),
        rate: stream?.rate ?? 0,
        answered,
        failed: answers - (answered[String(stream?.status)] ?? 0) + (stopped ? 0 : result.sent - answers),
        interrupted: stopped ? result.sent - answers : 0,
        startedAt: new Date(this.#startOf(index)).toISOString(),
        slow: this.#slowBySecond(index),
        failures: this.#bySecond(index, answered['0'] ?? 0),
      };
    });
  }

  #startOf(stream: number): number {
    return (this.#startedAt ?? 0) + (this.#input.streams[stream]?.startMs ?? 0);
  }

  #slowBySecond(stream: number): LoadResult['slow'] {
    const own = this.#slow.filter((each) => each.stream === stream);
    const seconds = Map.groupBy(own, ({ at }) => Math.floor((at - this.#startOf(stream)) / 1000));
    return [...seconds].map(([second, all]) => ({ second, answers: all.length }));
  }

  /** @param unanswered requests without an answer; further lines of such are of requests that a stop cut off */
  #bySecond(stream: number, unanswered: number): LoadResult['failures'] {
    const own = this.#failures.filter((each) => each.stream === stream);
    const cutOff = new Set(own.filter(({ status }) => status === 0).slice(unanswered));
    const secondOf = ({ at }: Failure) => Math.floor((at - this.#startOf(stream)) / 1000);
    const seconds = Map.groupBy(
      own.filter((each) => !cutOff.has(each)),
      secondOf,
    );
    return [...seconds].map(([second, failures]) => {
      const byStatus = Map.groupBy(failures, ({ status }) => String(status));
      return { second, byStatus: Object.fromEntries([...byStatus].map(([status, all]) => [status, all.length])) };
    });
  }
}
