import { createContext, Script } from 'node:vm';

/** A pattern of the linted repository may be one that takes for ever: in a context of its own it can be stopped. */
const context = createContext(Object.create(null) as object);
const test = new Script('new RegExp(pattern, flags).test(value)');
const longestMs = 200;
/** A pattern that was at work for less of its time has not been tried: on a busy machine the time may pass before it begins. */
const leastWorkMs = longestMs / 2;

/**
 * Whether a pattern, written for Go, fits a text. One that JavaScript does not understand, or that does not end in time, counts
 * as fitting: then no rule complains about what it cannot tell.
 */
export function matches(pattern: string, value: string): boolean {
  const [, flags = ''] = /^\(\?([ims]+)\)/.exec(pattern) ?? [];
  const started = process.cpuUsage();
  for (;;)
    try {
      Object.assign(context, { pattern: pattern.replace(/^\(\?[ims]+\)/, ''), flags, value });
      return test.runInContext(context, { timeout: longestMs }) === true;
    } catch (error) {
      const { user, system } = process.cpuUsage(started);
      const stopped = (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
      if (!stopped || (user + system) / 1000 >= leastWorkMs) return true;
    }
}
