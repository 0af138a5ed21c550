import { browse } from '#fixtures/server/browse/browse.ts';
import type { BrowseAnswer, BrowseRequest } from '#fixtures/server/protocol-browse.ts';
import { findChromium } from '#machine/chromium.ts';
import { Chromium } from '#probe/chromium/chromium.ts';

/** What makes a visit: the fixture server's browser, or Chromium. */
export type Visit = (request: BrowseRequest) => Promise<BrowseAnswer>;

export const ours: Visit = (request) => browse(request, new AbortController().signal);

/** A Chromium for tests. @throws Error when this machine has none */
export async function launchChromium(): Promise<Chromium> {
  const path = process.env['CHROMIUM'] ?? (await findChromium());
  if (path === undefined) throw new Error('no Chromium found: apt-get install -y chromium, or set CHROMIUM');
  return Chromium.launch(path);
}

/** An answer without its times. The body of a redirect is in none: Chromium tells nobody. */
export function comparable({ hops, cookies, status, body = '', outcome, error }: BrowseAnswer) {
  return {
    outcome,
    status,
    body,
    error,
    hops: hops.map(({ durationMs, ...hop }) => ({ ...hop, isTimed: durationMs !== undefined })),
    // A life of so many seconds begins when the answer comes.
    cookies: cookies
      .map(({ expires, ...cookie }) => ({ ...cookie, lasts: expires !== undefined }))
      .toSorted((a, b) => a.name.localeCompare(b.name)),
  };
}

/** The same without queries, values and paths that a provider makes up for each login. */
export function withoutValues(answer: BrowseAnswer): unknown {
  const text = JSON.stringify(comparable(answer), (key, value: unknown) => (key === 'valueHash' ? undefined : value));
  return JSON.parse(text.replaceAll(/\?[^"]*/g, '').replaceAll(/\/(interaction|auth)\/[\w-]{20,}/g, '/$1/ID'));
}
