import type { ProxyCourse } from '#support/certificates.ts';
import { alarmTime } from '#support/renewal-alarm.ts';
import { generationsInForce, span, upTo, type Generation } from '#diagnose/generations.ts';
import { lookMs, Signals } from '#diagnose/signals.ts';

export interface DiagnoseOptions {
  /** Validity after issuance. Without it a certificate's whole window counts, backdating included. */
  lifetimeSeconds?: number;
  /** Judge what was known then, ISO 8601; the last look when it is left out. */
  now?: string;
  /** Start of the course, from which counters count; the first look when it is left out. */
  start?: string;
  /** When the workload was restarted. Without it, counters that begin anew tell. */
  restarts?: readonly string[];
}

/** What the stories are told from. Times are milliseconds since 1970. */
export interface Facts {
  proxy: ProxyCourse;
  /** First and last look. */
  from: number;
  now: number;
  signals: Signals;
  /** In force since the last restart, oldest first; the first may come from that restart. */
  generations: Generation[];
  current: Generation | undefined;
  /** When each generation should have had a successor; undefined where its validity is not known. */
  alarmOf: (generation: Generation) => number | undefined;
  alarm: number | undefined;
  end: number | undefined;
  overdue: boolean;
  /** What one source shows, another may show so much later. */
  lagMs: number;
  restart: { at: number; before: number } | undefined;
}

/** Reads a recording; undefined when nothing was ever seen of the proxy. */
export function factsOf(whole: ProxyCourse, options: DiagnoseOptions): Facts | undefined {
  const seen = span(whole);
  if (!seen) return undefined;
  const start = options.start === undefined ? seen.first : Date.parse(options.start);
  const now = options.now === undefined ? seen.last : Date.parse(options.now);
  const proxy = upTo(whole, now, start);
  const signals = new Signals(proxy, start);
  const all = generationsInForce(proxy);
  const lagMs = lookMs(proxy);

  const told = options.restarts?.map((at) => Date.parse(at)).filter((at) => at <= now);
  const restartedAt = (told ?? signals.restarts()).at(-1);
  // Counters tell of a restart only at the look after it.
  const earliest = (restartedAt ?? -Infinity) - (told ? 0 : lagMs);
  const made = restartedAt === undefined ? undefined : all.find(({ first }) => first >= earliest);
  const generations = made ? all.slice(all.indexOf(made)) : all;

  const alarmOf = ({ leaf, notAfter }: Generation): number | undefined => {
    if (leaf) return alarmTime(leaf, options.lifetimeSeconds);
    if (notAfter === undefined || options.lifetimeSeconds === undefined) return undefined;
    const end = new Date(notAfter).toISOString();
    return alarmTime({ notBefore: end, notAfter: end }, options.lifetimeSeconds);
  };
  const current = generations.at(-1);
  const alarm = current && alarmOf(current);
  const end = current?.notAfter;
  return {
    proxy,
    from: seen.first,
    now,
    signals,
    generations,
    current,
    alarmOf,
    alarm,
    end,
    overdue: now >= (alarm ?? end ?? Infinity),
    lagMs,
    restart:
      made && restartedAt !== undefined
        ? { at: restartedAt, before: Math.min(restartedAt, made.first) - 1 }
        : undefined,
  };
}
