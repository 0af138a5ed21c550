import type { CertificateSource, Course, Leaf, ProxyCourse } from '#support/certificates.ts';
import { alarmShare } from '#support/renewal-alarm.ts';
import { proxyOf } from './sock-shop.ts';

/** A certificate as one source saw it come. */
export interface Generation {
  serial: string;
  /** When this source first told of it. */
  first: string;
  notBefore?: string;
  notAfter?: string;
}

/** The certificates of a proxy by one source, in the order in which it told of them. */
export function generationsOf(proxy: ProxyCourse, source: CertificateSource): Generation[] {
  const known = new Map(leavesOf(proxy).map((each) => [each.serial, each]));
  const seen = new Map<string, Generation>();
  const see = (serial: string, first: string): void => {
    const leaf = known.get(serial);
    if (!seen.has(serial))
      seen.set(serial, { serial, first, ...(leaf && { notBefore: leaf.notBefore, notAfter: leaf.notAfter }) });
  };
  if (source === 'issuer') for (const { serial, at } of proxy.issuer) see(serial, at);
  if (source === 'certs')
    for (const { entries, first } of proxy.certs) for (const serial of Object.keys(entries)) see(serial, first);
  if (source === 'dump' || source === 'handshake')
    for (const { leaf, first } of proxy[source]) if (leaf) see(leaf.serial, first);
  return [...seen.values()];
}

const leavesOf = ({ issuer, dump, handshake }: ProxyCourse): Leaf[] => [
  ...issuer,
  ...[...dump, ...handshake].flatMap(({ leaf }) => leaf ?? []),
];

/** How an alarm decides that a renewal has come: by the certificate itself, or by what the dump says of its age. */
export type Detector = 'serial' | 'last-updated';

/**
 * When a proxy should have raised the alarm: no renewal seen when this share of a certificate's lifetime was over. Undefined
 * while every renewal came in time.
 *
 * @param share of the lifetime, from issuance to expiry
 * @param since alarms that were due before this time, in milliseconds since 1970, do not count
 */
export function alarmOf(
  course: Course,
  workload: string,
  detector: Detector = 'serial',
  share: number = alarmShare,
  since = -Infinity,
): { at: string; notAfter: string } | undefined {
  const proxy = proxyOf(course, workload);
  if (!proxy) return undefined;
  const end = Date.parse(course.end);
  const renewals = detector === 'serial' ? undefined : proxy.dump.map(({ first }) => Date.parse(first));
  const generations = generationsOf(proxy, 'handshake');
  for (const [index, { notAfter }] of generations.entries()) {
    if (notAfter === undefined) continue;
    const expiry = Date.parse(notAfter);
    // The backdating is no part of the lifetime that a renewal has.
    const due = expiry - (1 - share) * course.lifetimeSeconds * 1000;
    const next = generations[index + 1];
    const last = renewals?.filter((each) => each < due).at(-1);
    const fresh = last !== undefined && due - last < share * course.lifetimeSeconds * 1000;
    const renewed = renewals === undefined ? next !== undefined && Date.parse(next.first) <= due : fresh;
    if (!renewed && due >= since && due <= end) return { at: new Date(due).toISOString(), notAfter };
  }
  return undefined;
}
