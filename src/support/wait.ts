import pWaitFor, { TimeoutError } from 'p-wait-for';
import { NotReadyError, messageOf } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';

export interface WaitOptions {
  /** Deadline in milliseconds, from the timeouts table. */
  timeoutMs: number;
  /** Between two looks, in milliseconds. Default 100. */
  intervalMs?: number;
  signal?: AbortSignal;
}

/** What one look at the awaited thing found: the value once it holds, else a few words for the error. */
export type Look<T> = { done: T } | { seen: string };

/**
 * Looks again and again until the thing awaited holds. An error thrown by `look` counts as "not yet"
 * unless the signal was aborted.
 *
 * @param what the thing awaited, as it should read in the error: `Deployment sem/echo to be ready`
 * @returns the value of the first look that held
 * @throws NotReadyError naming what was awaited, how long, how often, and what was last seen
 */
export async function until<T>(
  what: string,
  look: () => Promise<Look<T>>,
  { timeoutMs, intervalMs = timeouts.pollMs, signal }: WaitOptions,
): Promise<T> {
  let attempts = 0;
  let seen = 'nothing yet';
  const once = async (): Promise<false | ReturnType<typeof pWaitFor.resolveWith<T>>> => {
    signal?.throwIfAborted();
    attempts += 1;
    try {
      const found = await look();
      if ('done' in found) return pWaitFor.resolveWith(found.done);
      seen = found.seen;
    } catch (error) {
      signal?.throwIfAborted();
      seen = messageOf(error);
    }
    return false;
  };
  try {
    const options = { interval: intervalMs, timeout: timeoutMs, ...(signal && { signal }) };
    return (await pWaitFor(once as () => Promise<boolean>, options)) as T;
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    throw new NotReadyError(
      `waited ${timeoutMs / 1000} s for ${what}: ${attempts} looks, last seen: ${seen}`,
      undefined,
      error,
    );
  }
}
