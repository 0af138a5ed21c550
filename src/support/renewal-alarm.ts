import type { Leaf } from '#support/certificates.ts';

/** Share of a lifetime by which a new serial must have been seen: the 50th minute of an hour. */
export const alarmShare = 5 / 6;

/**
 * When it is late for a certificate not to have a successor.
 *
 * @param lifetimeSeconds validity after issuance; without it, the whole window counts, backdating included
 * @returns milliseconds since 1970
 */
export function alarmTime(
  { notBefore, notAfter }: Pick<Leaf, 'notBefore' | 'notAfter'>,
  lifetimeSeconds?: number,
): number {
  const end = Date.parse(notAfter);
  const lifetimeMs = lifetimeSeconds === undefined ? end - Date.parse(notBefore) : lifetimeSeconds * 1000;
  return end - lifetimeMs * (1 - alarmShare);
}
