import type { Facts } from '#diagnose/facts.ts';
import { clock } from '#diagnose/story.ts';

/** Envoy from this minor version on leaves the dump as it is when the pair that comes is the one it has. */
const firstQuietMinor = 37;

/** What came from the issuer since the certificate in force was taken, and how that is known. */
export interface Deliveries {
  /** Ways in which it is seen that the same certificate was delivered again; empty when it was not. */
  again: string[];
  /** Nothing came, for certain; undefined when nothing at hand can tell. */
  silent: boolean | undefined;
}

/**
 * Was the certificate in force delivered again? Version and last-updated are evidence of a delivery here, and only that:
 * what was delivered has the serial that was there before.
 */
export function deliveriesOf({ proxy, signals, current, alarm, from, now, lagMs }: Facts): Deliveries {
  if (!current) return { again: [], silent: undefined };
  const since = current.first + lagMs;
  // After a reconnect, the first answer is the pair there is: no fault of the issuer.
  const reconnects = signals.reconnects(current.first, now);
  const again: string[] = [];

  const updates = (signals.increase('sds.default.update_success', since, now) ?? 0) - reconnects;
  if (updates > 0) again.push(`sds.default.update_success rose by ${updates} while the serial stayed`);

  const moves = proxy.dump.filter(({ leaf, first }) => leaf?.serial === current.serial && Date.parse(first) > since);
  if (moves.length - reconnects > 0)
    again.push(`the dump moved ${moves.length} times (version ${moves.at(-1)?.version ?? '?'}) under the same serial`);

  const dumped = proxy.dump.findLast(({ leaf }) => leaf?.serial === current.serial)?.lastUpdated;
  const gauge = signals.value('sds.default.update_time', now);
  const last = Math.max(gauge ?? 0, dumped === undefined ? 0 : Date.parse(dumped));
  const late = alarm !== undefined && last >= alarm;
  if (late && reconnects === 0) again.push(`it was delivered at ${clock(last)}, when its successor was overdue`);
  if (again.length > 0) return { again, silent: false };

  // Silence is proven by a time of the last delivery, or by having watched since before the alarm.
  const dumpTells = minorOf(proxy.envoy) < firstQuietMinor && dumped !== undefined;
  const counted = signals.value('sds.default.update_success', now);
  const watched = counted !== undefined && alarm !== undefined && from < alarm;
  const never = counted !== undefined && counted <= 1;
  const known = gauge !== undefined || dumpTells || watched || never;
  return { again, silent: known && !late ? true : undefined };
}

function minorOf(envoy: string | undefined): number {
  const minor = Number(envoy?.split('.')[1]);
  return Number.isNaN(minor) ? Infinity : minor;
}
