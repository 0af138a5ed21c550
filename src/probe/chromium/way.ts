import type { CDPSession, Page } from 'playwright-core';
import { probeHeader } from '#fixtures/server/protocol.ts';
import type { BrowseAnswer, BrowseRequest, Hop } from '#fixtures/server/protocol-browse.ts';
import { isRedirect, Rules } from '#fixtures/server/protocol-rules.ts';
import { failureText, netFailure, reasonFailure, type Failure } from '#probe/chromium/failure.ts';
import { Steps, valueOf, type Step } from '#probe/chromium/steps.ts';

/** How a page came to be, or did not: what an answer tells of its last request. */
export interface Ending extends Pick<BrowseAnswer, 'outcome' | 'status' | 'body' | 'error'> {
  /** Chromium shows the page: it may be one that asks who somebody is. */
  isShown?: boolean;
  /** What is to be asked for in place of what a redirect named. */
  instead?: string;
}

/** A request that Chromium has stopped before it is sent, or with the head of its answer there. */
interface Paused {
  requestId: string;
  networkId?: string;
  frameId: string;
  resourceType: string;
  request: { url: string; urlFragment?: string; method: string; headers: Record<string, string> };
  responseErrorReason?: string;
  responseStatusCode?: number;
  responseHeaders?: { name: string; value: string }[];
}

type FailureOf = (host: string) => Failure | undefined;

const maxBodyBytes = 65_536;
const stages = [{ requestStage: 'Request' as const }, { requestStage: 'Response' as const }];

/**
 * The requests of a page's own document, one after another, each under an id of its own. Chromium stops at each of them and at each
 * answer (CDP's Fetch: Playwright's routes do not see redirects); whatever else a page asks for is not sent.
 */
export class Way {
  readonly #steps = new Steps();
  readonly #told: BrowseRequest;
  readonly #rules: Rules;
  readonly #cdp: CDPSession;
  readonly #frame: string;
  readonly #failureOf: FailureOf;
  #ending: PromiseWithResolvers<Ending> | undefined;

  private constructor(cdp: CDPSession, frame: string, told: BrowseRequest, failureOf: FailureOf) {
    this.#cdp = cdp;
    this.#frame = frame;
    this.#told = told;
    this.#rules = new Rules(told);
    this.#failureOf = failureOf;
  }

  /** @param failureOf why a host could not be reached, where somebody knows better than Chromium */
  static async of(page: Page, told: BrowseRequest, failureOf: FailureOf): Promise<Way> {
    const cdp = await page.context().newCDPSession(page);
    const { frameTree } = await cdp.send('Page.getFrameTree');
    const way = new Way(cdp, frameTree.frame.id, told, failureOf);
    cdp.on('Fetch.requestPaused', (paused) => {
      way.#paused(paused).catch((error: unknown) => way.#ending?.reject(error));
    });
    cdp.on('Network.requestWillBeSentExtraInfo', ({ headers }) => way.#steps.wasSent(headers));
    cdp.on('Network.responseReceivedExtraInfo', ({ requestId, headers }) => way.#steps.wasGot(requestId, headers));
    cdp.on('Network.loadingFailed', ({ requestId, errorText }) => way.#failed(requestId, errorText));
    await cdp.send('Network.enable');
    await cdp.send('Fetch.enable', { patterns: stages });
    return way;
  }

  get hops(): Hop[] {
    return this.#steps.hops;
  }

  /** Does what makes the page ask for another document, and follows it. @returns where that ended */
  async follow(act: () => Promise<unknown>): Promise<Ending> {
    const ending = (this.#ending = Promise.withResolvers<Ending>());
    const acting = act().then(
      () => undefined,
      // An answer that is not shown is an error to who waits for a page.
      () => undefined,
    );
    const ended = await ending.promise;
    await acting;
    await this.#steps.complete();
    return ended;
  }

  /** Says of the last request that it was not answered in time. */
  late(): Ending {
    const { timeoutMs } = this.#told;
    const { hop } = this.#steps.last ?? {};
    const phase = hop?.status === undefined ? 'request' : 'response';
    const message = `${timeoutMs} ms ran out in phase ${phase}`;
    const ending = this.#broken({ outcome: 'timeout', error: { code: 'DEADLINE', message, phase } });
    this.#end(ending);
    return ending;
  }

  async #paused(paused: Paused): Promise<void> {
    const { requestId, resourceType, frameId, responseStatusCode, responseErrorReason } = paused;
    // Without somebody who waits for it, this is something that the page does by itself.
    if (resourceType !== 'Document' || frameId !== this.#frame || !this.#ending)
      await this.#cdp.send('Fetch.failRequest', { requestId, errorReason: 'BlockedByClient' });
    else if (responseErrorReason !== undefined)
      await this.#stop(paused, this.#broken(reasonFailure(responseErrorReason)));
    else if (responseStatusCode === undefined) await this.#asks(paused);
    else await this.#answered(paused, responseStatusCode);
  }

  async #asks(paused: Paused): Promise<void> {
    const { requestId, networkId, request } = paused;
    const url = new URL(`${request.url}${request.urlFragment ?? ''}`);
    const given = this.#rules.givenUp(request.method, url);
    if (given) return this.#stop(paused, { ...this.#lastStatus(), outcome: given });
    const id = `${this.#told.id}-${this.#steps.hops.length + 1}`;
    this.#steps.add({ id, method: request.method, url, networkId });
    // Cookies that are named here are a copy for the reader: Chromium sends those that belong to the request.
    const { Cookie: _, ...own } = request.headers;
    const headers = Object.entries({ ...own, [probeHeader]: id });
    await this.#cdp.send('Fetch.continueRequest', {
      requestId,
      headers: headers.map(([name, value]) => ({ name, value })),
    });
  }

  async #answered(paused: Paused, status: number): Promise<void> {
    const step = this.#steps.last;
    if (!step) throw new Error(`Chromium was answered ${status} before it asked`);
    const { hop, url } = step;
    const headers = Object.fromEntries((paused.responseHeaders ?? []).map(({ name, value }) => [name, value]));
    const raw = valueOf(headers, 'location');
    const location = raw !== undefined && URL.canParse(raw, url.href) ? new URL(raw, url) : undefined;
    hop.status = status;
    if (raw !== undefined) hop.location = location?.href ?? raw;
    this.#timed(step);
    if (isRedirect(status) && raw !== undefined) {
      const stopped = { status, outcome: 'response' as const };
      if (!location || !this.#rules.leadsOn(location)) return this.#stop(paused, stopped);
      const target = this.#rules.inPlaceOf(location, url);
      return target === location ? this.#goOn(paused) : this.#stop(paused, { ...stopped, instead: target.href });
    }
    const { requestId } = paused;
    const read = await this.#cdp.send('Fetch.getResponseBody', { requestId }).catch(() => undefined);
    this.#timed(step);
    // It broke off, and is told as a failure of the request.
    if (!read) return this.#goOn(paused);
    const bytes = Buffer.from(read.body, read.base64Encoded ? 'base64' : 'utf8');
    const body = bytes.subarray(0, maxBodyBytes).toString('utf8');
    const isHtml = valueOf(headers, 'content-type')?.startsWith('text/html') === true;
    const ending: Ending = { outcome: 'response', status, body };
    // A form in answer to a form is a login that was refused; a person who knows no other name stops there.
    const mayAsk = this.#told.login !== undefined && status === 200 && isHtml && hop.method !== 'POST';
    // What nobody will fill in is not shown: a page has an icon, which it asks for even while it is closed.
    if (!mayAsk) return this.#stop(paused, ending);
    await this.#goOn(paused);
    this.#end({ ...ending, isShown: true });
  }

  #failed(networkId: string, text: string): void {
    const step = this.#steps.last;
    if (!step || step.isOver || networkId !== step.networkId) return;
    if (text.endsWith('TOO_MANY_REDIRECTS')) this.#end({ ...this.#lastStatus(), outcome: 'too-many-hops' });
    else this.#end(this.#broken(netFailure(text)));
  }

  /** @param seen by Chromium, where the tunnel has seen nothing */
  #broken(seen: Failure): Ending {
    const step = this.#steps.last;
    const failure = (step && this.#failureOf(step.url.hostname)) ?? seen;
    if (step) {
      step.hop.error = failureText(failure);
      this.#timed(step);
    }
    return { ...this.#lastStatus(), ...failure };
  }

  async #stop({ requestId }: Paused, ending: Ending): Promise<void> {
    this.#end(ending);
    // Chromium stays where it is; after a failure it would show an error.
    await this.#cdp.send('Fetch.fulfillRequest', { requestId, responseCode: 204 });
  }

  async #goOn({ requestId }: Paused): Promise<void> {
    await this.#cdp.send('Fetch.continueRequest', { requestId });
  }

  #end(ending: Ending): void {
    const step = this.#steps.last;
    if (step) step.isOver = true;
    this.#ending?.resolve(ending);
    this.#ending = undefined;
  }

  #lastStatus(): Pick<Ending, 'status'> {
    const status = this.#steps.last?.hop.status;
    return status === undefined ? {} : { status };
  }

  #timed({ hop, startMs }: Step): void {
    hop.durationMs = Math.round((performance.now() - startMs) * 1000) / 1000;
  }
}
