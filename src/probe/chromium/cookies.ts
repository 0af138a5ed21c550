import type { BrowserContext } from 'playwright-core';
import { parseCookie } from 'undici';
import type { CookieChange, HeldCookie, NamedValue, SetCookie } from '#fixtures/server/protocol-browse.ts';
import { changedValue, isAbout, namedValue } from '#fixtures/server/protocol-tamper.ts';

/** What a Set-Cookie says. Whether Chromium took it is seen in what it holds. */
export function toldCookie(line: string): SetCookie[] {
  const cookie = parseCookie(line);
  if (!cookie) return [];
  const { name, value, domain, path, secure = false, httpOnly = false, sameSite, maxAge, expires } = cookie;
  // Max-Age goes before Expires.
  const cleared = maxAge === undefined ? expires !== undefined && Number(expires) <= Date.now() : maxAge <= 0;
  return [
    {
      ...namedValue(name, value),
      ...(domain !== undefined && { domain }),
      ...(path !== undefined && { path }),
      secure,
      httpOnly,
      ...(sameSite !== undefined && { sameSite: sameSite.toLowerCase() }),
      cleared,
    },
  ];
}

/** The cookies of a Cookie header. */
export function sentCookies(header: string): NamedValue[] {
  const pairs = header.split('; ').filter((each) => each !== '');
  return pairs.map((pair) => {
    const [name = '', ...value] = pair.split('=');
    return namedValue(name, value.join('='));
  });
}

/** All that a jar holds, of all hosts. */
export async function heldCookies(context: BrowserContext): Promise<HeldCookie[]> {
  const cookies = await context.cookies();
  return cookies.map(({ name, value, domain, path, secure, httpOnly, expires }) => ({
    ...namedValue(name, value),
    domain: domain.replace(/^\./, ''),
    path,
    secure,
    httpOnly,
    ...(expires >= 0 && { expires: new Date(expires * 1000).toISOString() }),
  }));
}

/** Changes what a jar holds. A cookie that is changed and never said SameSite says Lax from then on: it is told so. */
export async function tamper(context: BrowserContext, changes: readonly CookieChange[]): Promise<void> {
  for (const change of changes) {
    const all = await context.cookies();
    for (const cookie of all.filter(({ name }) => isAbout(change, name))) {
      const { name, domain, path } = cookie;
      if (change.op === 'drop') await context.clearCookies({ name, domain, path });
      else await context.addCookies([{ ...cookie, value: changedValue(cookie.value, change, all) }]);
    }
  }
}
