import { once } from 'node:events';
import { chromium, type Browser as Process, type BrowserContext, type Page } from 'playwright-core';
import type { BrowseAnswer, BrowseRequest } from '#fixtures/server/protocol-browse.ts';
import { visitedBy, type Browser, type Visited } from '#probe/browser.ts';
import { heldCookies, tamper } from '#probe/chromium/cookies.ts';
import { loginForm } from '#probe/chromium/login.ts';
import { Tunnel } from '#probe/chromium/tunnel.ts';
import { Way, type Ending } from '#probe/chromium/way.ts';
import { messageOf, NotReadyError } from '#support/errors.ts';

/** Cookies of one browser, and its way to the hosts of a visit. */
interface Jar extends AsyncDisposable {
  context: BrowserContext;
  tunnel: Tunnel;
}

/** More than any run has in use at a time; the one that was used longest ago goes first. */
const maxJars = 50;

/** A headless Chromium on this machine. Its visits take and give what those of the fixture server's browser do. */
export class Chromium implements Browser, AsyncDisposable {
  readonly #process: Process;
  readonly #jars = new Map<string, Jar>();

  private constructor(process: Process) {
    this.#process = process;
  }

  /** @throws NotReadyError when it does not start */
  static async launch(executablePath: string): Promise<Chromium> {
    // Signals are the run's: it has visits to end and a lab to remove first. Certificates are the tunnel's.
    const own = {
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
      args: ['--ignore-certificate-errors'],
    };
    try {
      return new Chromium(await chromium.launch({ executablePath, ...own }));
    } catch (error) {
      throw new NotReadyError(`${executablePath} does not start: ${messageOf(error)}`, undefined, error);
    }
  }

  /** As reports name it: `Chromium 150.0.7871.46`. */
  get name(): string {
    return `Chromium ${this.#process.version()}`;
  }

  async visit(request: BrowseRequest, signal?: AbortSignal): Promise<Visited> {
    return visitedBy(request, await this.browse(request, signal));
  }

  /** Visits a page. Every way of failing is an outcome. @throws Error when Chromium itself is gone */
  async browse(request: BrowseRequest, signal?: AbortSignal): Promise<BrowseAnswer> {
    signal?.throwIfAborted();
    const start = performance.now();
    const jar = await this.#jarNamed(request.jar);
    try {
      await tamper(jar.context, request.tamper ?? []);
      jar.tunnel.lead(request);
      const page = await jar.context.newPage();
      try {
        const way = await Way.of(page, request, (host) => jar.tunnel.failureOf(host));
        const { isShown: _, ...ending } = await inTime(way, walk(page, way, request), request, signal);
        const hops = way.hops;
        const waited = hops.reduce((sum, { durationMs = 0 }) => sum + durationMs, 0);
        const cookies = await heldCookies(jar.context);
        const ownMs = Math.max(0, Math.round((performance.now() - start - waited) * 1000) / 1000);
        return { ...ending, hops, cookies, ownMs };
      } finally {
        jar.tunnel.cut();
        await leave(page);
      }
    } finally {
      if (request.jar === undefined) await jar[Symbol.asyncDispose]();
    }
  }

  async copyJar(from: string, to: string): Promise<void> {
    const original = this.#jars.get(from);
    if (!original) throw new NotReadyError(`no jar ${from} here`);
    await this.#jars.get(to)?.[Symbol.asyncDispose]();
    this.#jars.delete(to);
    const copy = await this.#jarNamed(to);
    await copy.context.addCookies(await original.context.cookies());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#jars.values()].map((each) => each[Symbol.asyncDispose]()));
    await this.#process.close();
  }

  /** The jar of this name, empty when there was none; without a name one that is not kept. */
  async #jarNamed(name?: string): Promise<Jar> {
    if (name === undefined) return this.#emptyJar();
    const jar = this.#jars.get(name) ?? (await this.#emptyJar());
    this.#jars.delete(name);
    this.#jars.set(name, jar);
    const [oldest] = this.#jars;
    if (this.#jars.size > maxJars && oldest) {
      this.#jars.delete(oldest[0]);
      await oldest[1][Symbol.asyncDispose]();
    }
    return jar;
  }

  async #emptyJar(): Promise<Jar> {
    const tunnel = await Tunnel.open();
    const context = await this.#process.newContext({
      proxy: { server: tunnel.address },
      acceptDownloads: false,
    });
    const dispose = async (): Promise<void> => {
      await context.close();
      await tunnel[Symbol.asyncDispose]();
    };
    return { context, tunnel, [Symbol.asyncDispose]: dispose };
  }
}

/** Goes to the page, and logs in where that is asked for, as a person would. */
async function walk(page: Page, way: Way, { url, login }: BrowseRequest): Promise<Ending> {
  const goTo = (address: string) => () => page.goto(address, { waitUntil: 'domcontentloaded', timeout: 0 });
  // An altered address is typed in: Chromium lets nobody change where a redirect leads.
  const toTheEnd = async (act: () => Promise<unknown>): Promise<Ending> => {
    const { instead, ...ending } = await way.follow(act);
    return instead === undefined ? ending : toTheEnd(goTo(instead));
  };
  const first = await toTheEnd(goTo(url));
  const send = first.isShown && login ? await loginForm(page, login) : undefined;
  return send ? toTheEnd(send) : first;
}

/**
 * Closes a page when nothing is going on in it: one that is closed while a document comes into it stays open for ever, and what a
 * shown one asks for while it is closed is stopped by nobody.
 */
async function leave(page: Page): Promise<void> {
  const nothing = 'about:blank';
  // The page of an error may be on its way, and come before.
  await page.goto(nothing).catch(() => page.waitForURL(nothing));
  await page.close();
}

/** @throws what the signal was aborted with; that the time is over is an outcome */
async function inTime(
  way: Way,
  walking: Promise<Ending>,
  { timeoutMs }: BrowseRequest,
  signal?: AbortSignal,
): Promise<Ending> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const over = AbortSignal.any(signal ? [signal, deadline] : [deadline]);
  const ending = await Promise.race([walking, once(over, 'abort').then(() => undefined)]);
  signal?.throwIfAborted();
  return ending ?? way.late();
}
