/** An email address in a text. */
export interface Address {
  /** Offset of its first letter. */
  offset: number;
  address: string;
}

/**
 * Every email address in a text. Looks around each `@`, within the lengths that addresses can have, so a text of any length or
 * content is read in time. Names of users in URLs (`git@github.com:…`, `https://me@host/`) are none.
 */
export function addressesIn(text: string): Address[] {
  const found: Address[] = [];
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
    const local = /[\w.%+-]+$/.exec(text.slice(Math.max(0, at - 64), at))?.[0];
    const domain = /^(?:[a-z0-9-]+\.)+[a-z]{2,}/i.exec(text.slice(at + 1, at + 254))?.[0];
    if (local === undefined || domain === undefined) continue;
    const offset = at - local.length;
    const before = text.slice(Math.max(0, offset - 3), offset);
    const after = text.slice(at + 1 + domain.length);
    if (
      before.endsWith('://') ||
      (before.endsWith(':') && /:\/\/[^\s/]*$/.test(text.slice(Math.max(0, offset - 64), offset)))
    )
      continue;
    if (local === 'git' || /^:[\w~.-]+\//.test(after.slice(0, 64))) continue;
    found.push({ offset, address: `${local}@${domain}` });
  }
  return found;
}

/** Enough to find it by, and too little to be told by a log: `a…@example.com`. */
export function masked(address: string): string {
  return `${address.slice(0, 1)}…${address.slice(address.indexOf('@'))}`;
}
