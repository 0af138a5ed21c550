import { downKind } from '#lab/down.ts';
import { readLab } from '#lab/record.ts';
import { holdLab, type LabHold } from '#lab/run-lock.ts';
import type { Say } from '#machine/host.ts';
import { messageOf } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';

/** A lab that this run holds: lent to checks of the harness itself, and in the end removed if the run made it. */
export class LabLease {
  readonly name: string;
  /** True when the lab did not stand before, or a killed run made it: what a run made, the run removes. */
  readonly ours: boolean;
  readonly #say: Say;
  #hold: LabHold | undefined;

  private constructor(name: string, ours: boolean, hold: LabHold, say: Say) {
    this.name = name;
    this.ours = ours;
    this.#hold = hold;
    this.#say = say;
  }

  /** @throws NotReadyError when another run holds the lab */
  static async take(name: string, say: Say, signal: AbortSignal): Promise<LabLease> {
    const hold = await holdLab(name, say, signal);
    const stood = (await readLab(name))?.complete === true;
    const ours = !stood || hold.killed?.made === true;
    if (ours) await hold.made();
    return new LabLease(name, ours, hold, say);
  }

  /** True when the run before was killed, and may have left objects of its checks. */
  get afterKill(): boolean {
    return this.#hold?.killed !== undefined;
  }

  /** Said once what a killed run left is gone. */
  cleaned(): void {
    this.#hold?.cleaned();
  }

  /** Lets the lab go to checks of the harness itself, which run it; `end` takes it back if it is to be removed. */
  async lend(): Promise<void> {
    await this.#hold?.release();
    this.#hold = undefined;
  }

  /** Lets the lab go; one that this run made is removed first, unless it is to be kept or another run has taken it since. */
  async end(keep: boolean): Promise<void> {
    if (this.ours && !keep) await this.#remove();
    await this.lend();
  }

  async #remove(): Promise<void> {
    this.#hold ??= await holdLab(this.name, this.#say).catch(() => undefined);
    if (!this.#hold) return this.#say(`lab ${this.name} stays: another run uses it`);
    try {
      await inTime(downKind(this.name));
      this.cleaned();
    } catch (error) {
      this.#say(`lab ${this.name} could not be removed (${messageOf(error)}): ./meshwitness down --name ${this.name}`);
    }
  }
}

/** Work that clean-up waits for, but not forever: a person may have pressed Ctrl-C. @throws Error when it takes too long */
export async function inTime<T>(work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const deadline = AbortSignal.timeout(timeouts.tearDownMs);
  deadline.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true });
  return Promise.race([work, late]);
}
