import type { BrowseRequest } from '#fixtures/server/protocol-browse.ts';
import { withAltered } from '#fixtures/server/protocol-tamper.ts';

const defaultMaxHops = 20;
/** Requests for one page: Chromium itself would go on until the twentieth redirect, as the fixture server's browser does not. */
const maxVisits = 5;
const redirects = new Set([301, 302, 303, 307, 308]);

/** What a visit was told beyond what Chromium does by itself: the same rules as the fixture server's browser goes by. */
export class Rules {
  readonly #told: BrowseRequest;
  readonly #visits = new Map<string, number>();
  #made = 0;

  constructor(told: BrowseRequest) {
    this.#told = told;
  }

  /** Why a request is not made any more, if it is not; otherwise it is counted. */
  givenUp(method: string, { origin, pathname }: URL): 'loop' | 'too-many-hops' | undefined {
    // Without the query: a login's state and nonce are others each time around.
    const page = `${method} ${origin}${pathname}`;
    const before = this.#visits.get(page) ?? 0;
    if (before >= maxVisits) return 'loop';
    if (this.#made >= (this.#told.maxHops ?? defaultMaxHops)) return 'too-many-hops';
    this.#visits.set(page, before + 1);
    this.#made += 1;
    return undefined;
  }

  /**
   * Whether an answer leads on.
   *
   * @param location absolute; undefined when it is no address
   */
  leadsOn(location: URL | undefined): boolean {
    const { stopAt } = this.#told;
    if (!location || !/^https?:$/.test(location.protocol)) return false;
    return stopAt === undefined || !location.href.startsWith(stopAt);
  }

  /** The address that is asked for in place of one that a redirect names: mostly that itself. */
  inPlaceOf(to: URL, from: URL): URL {
    const { alter } = this.#told;
    const isWayBack = from.host !== to.host && to.searchParams.has('code') && to.searchParams.has('state');
    return alter !== undefined && isWayBack ? withAltered(to, alter) : to;
  }
}

/** Whether a browser looks for a Location in an answer with this status. */
export const isRedirect = (status: number): boolean => redirects.has(status);
