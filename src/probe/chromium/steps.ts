import { probeHeader } from '#fixtures/server/protocol.ts';
import type { Hop } from '#fixtures/server/protocol-browse.ts';
import { sentCookies, toldCookie } from '#probe/chromium/cookies.ts';

export type Headers = Record<string, string>;

/** A request of a page's own document, and what becomes of it. */
export interface Step {
  hop: Hop;
  url: URL;
  /** Chromium's own, which redirects share with what they lead to. */
  networkId: string | undefined;
  startMs: number;
  /** Nothing that becomes of it is of interest any more. */
  isOver: boolean;
}

/** What Chromium tells later, or in another place, than it stops: the cookies that it really sent and got. */
interface Told {
  sent: PromiseWithResolvers<void>;
  got: PromiseWithResolvers<void>;
  isGot: boolean;
}

/** The requests of a visit in their order, with the cookies of each. */
export class Steps {
  readonly #all: (Step & Told)[] = [];

  get hops(): Hop[] {
    return this.#all.map(({ hop }) => hop);
  }

  get last(): Step | undefined {
    return this.#all.at(-1);
  }

  add(step: Pick<Step, 'url' | 'networkId'> & { id: string; method: string }): void {
    const { url, networkId, id, method } = step;
    const hop: Hop = { id, method, url: url.href, setCookies: [], cookiesSent: [] };
    const told = { sent: Promise.withResolvers<void>(), got: Promise.withResolvers<void>(), isGot: false };
    this.#all.push({ hop, url, networkId, startMs: performance.now(), isOver: false, ...told });
  }

  /** @param headers as they went over the wire */
  wasSent(headers: Headers): void {
    const id = valueOf(headers, probeHeader);
    const step = this.#all.find(({ hop }) => hop.id === id);
    if (!step) return;
    step.hop.cookiesSent = sentCookies(valueOf(headers, 'cookie') ?? '');
    step.sent.resolve();
  }

  /** @param headers as they came over the wire; those of requests with one id come in their order */
  wasGot(networkId: string, headers: Headers): void {
    const step = this.#all.find((each) => each.networkId === networkId && !each.isGot);
    if (!step) return;
    step.isGot = true;
    const lines = valueOf(headers, 'set-cookie')?.split('\n') ?? [];
    step.hop.setCookies = lines.flatMap(toldCookie);
    step.got.resolve();
  }

  /** Waits until the cookies of all that was answered are known. */
  async complete(): Promise<void> {
    const answered = this.#all.filter(({ hop }) => hop.status !== undefined);
    await Promise.all(answered.flatMap(({ sent, got }) => [sent.promise, got.promise]));
  }
}

/** The header of this name, which HTTP/2 writes in lower case. */
export const valueOf = (headers: Headers, wanted: string): string | undefined =>
  Object.entries(headers).find(([name]) => name.toLowerCase() === wanted)?.[1];
