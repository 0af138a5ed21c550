import { InterruptedError } from '#support/errors.ts';

/** A terminal's Ctrl-C may reach us twice at once, by the launcher and by the terminal: that is one wish. */
const sameWishMs = 1000;

/**
 * One AbortController for the whole process: the first SIGINT, SIGTERM or SIGHUP aborts it, so that everything under way
 * cleans up; a second wish ends the process at once.
 *
 * @returns the signal that everything honours, and what ends the watch
 */
export function watchSignals(
  now: () => number = () => performance.now(),
  exit: (code: number) => void = (code) => process.exit(code),
): { signal: AbortSignal; stopped: () => void } {
  const controller = new AbortController();
  let first: number | undefined;
  const wish = () => {
    if (first === undefined) {
      first = now();
      controller.abort(new InterruptedError());
      process.stderr.write('interrupted: cleaning up (once more to stop at once)\n');
    } else if (now() - first >= sameWishMs) exit(130);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const each of signals) process.on(each, wish);
  return {
    signal: controller.signal,
    stopped: () => {
      for (const each of signals) process.off(each, wish);
    },
  };
}
