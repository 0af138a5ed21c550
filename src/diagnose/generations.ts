import type { Leaf, ProxyCourse } from '#support/certificates.ts';

/** A certificate that a proxy had in force, from the first look that saw it there to the last. Milliseconds since 1970. */
export interface Generation {
  serial: string;
  first: number;
  last: number;
  leaf?: Leaf;
  /** Known even when no source gave the whole leaf. */
  notAfter?: number;
}

/** Everything that one proxy's sources said up to a time, for readers that think in generations. */
export function upTo(proxy: ProxyCourse, now: number, start: number): ProxyCourse {
  const before = (at: string): boolean => Date.parse(at) <= now;
  const cut = <T extends { first: string; last: string }>(runs: readonly T[]): T[] =>
    runs
      .filter(({ first }) => before(first))
      .map((each) => (before(each.last) ? each : { ...each, last: new Date(now).toISOString() }));
  return {
    ...proxy,
    issuer: proxy.issuer.filter(({ at }) => before(at)),
    signings: proxy.signings.filter(before),
    dump: cut(proxy.dump),
    certs: cut(proxy.certs),
    handshake: cut(proxy.handshake),
    bundle: cut(proxy.bundle),
    counters: proxy.counters.map(({ stat, points }) => ({
      stat,
      points: points.filter(([seconds]) => start + seconds * 1000 <= now),
    })),
  };
}

/** When the proxy was looked at for the first and the last time; undefined when it never was. */
export function span({ dump, certs, handshake, bundle }: ProxyCourse): { first: number; last: number } | undefined {
  const runs = [...dump, ...certs, ...handshake, ...bundle];
  if (runs.length === 0) return undefined;
  return {
    first: Math.min(...runs.map(({ first }) => Date.parse(first))),
    last: Math.max(...runs.map(({ last }) => Date.parse(last))),
  };
}

/**
 * The certificates in force, oldest first: those that a handshake was served or `/certs` holds. The dump shows what was
 * delivered, even if it was rejected, so it counts only where neither of the others ever said anything.
 */
export function generationsInForce(proxy: ProxyCourse): Generation[] {
  const known = knownLeaves(proxy);
  const pinned = new Set((proxy.pinned ?? []).map(({ serial }) => serial));
  const sightings: { serial: string; first: string; last: string; notAfter?: string | undefined }[] = [];
  for (const { leaf, first, last } of proxy.handshake) if (leaf) sightings.push({ serial: leaf.serial, first, last });
  for (const { entries, first, last, notAfter } of proxy.certs) {
    const held = Object.keys(entries);
    const fed = held.filter((serial) => !pinned.has(serial));
    const own = fed.filter((serial) => known.has(serial));
    // A proxy may hold certificates of other secrets: those that a source knows as `default` go first.
    for (const serial of [own, fed, held].find((each) => each.length > 0) ?? [])
      sightings.push({ serial, first, last, notAfter: held.length === 1 ? notAfter : undefined });
  }
  if (sightings.length === 0)
    for (const { leaf, first, last } of proxy.dump) if (leaf) sightings.push({ serial: leaf.serial, first, last });

  const generations = new Map<string, Generation>();
  for (const { serial, first, last, notAfter } of sightings) {
    const leaf = known.get(serial);
    const end = leaf?.notAfter ?? notAfter;
    const before = generations.get(serial);
    generations.set(serial, {
      ...before,
      serial,
      first: Math.min(before?.first ?? Infinity, Date.parse(first)),
      last: Math.max(before?.last ?? -Infinity, Date.parse(last)),
      ...(leaf && { leaf }),
      ...(end !== undefined && { notAfter: Date.parse(end) }),
    });
  }
  return [...generations.values()].toSorted((a, b) => a.first - b.first || a.last - b.last);
}

/** All leaves that any source gave whole, by serial. */
function knownLeaves(proxy: ProxyCourse): Map<string, Leaf> {
  const leaves = [
    ...proxy.issuer,
    ...proxy.dump.flatMap(({ leaf }) => leaf ?? []),
    ...proxy.handshake.flatMap(({ leaf }) => leaf ?? []),
  ];
  return new Map(leaves.map((leaf) => [leaf.serial, leaf]));
}
