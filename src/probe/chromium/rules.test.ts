import { describe, expect, it } from 'vitest';
import { Rules } from '#probe/chromium/rules.ts';

const told = { id: 'p1', url: 'https://app.test/', resolve: {}, timeoutMs: 1 };
const page = (path: string): URL => new URL(path, told.url);

describe('the rules of a visit', () => {
  it('give a page up at the sixth request, whatever its query, and tell POST from GET', () => {
    const rules = new Rules(told);
    const given = Array.from({ length: 6 }, (_, n) => rules.givenUp('GET', page(`/?n=${n}`)));
    expect(given).toEqual([...Array<undefined>(5).fill(undefined), 'loop']);
    expect(rules.givenUp('POST', page('/'))).toBeUndefined();
  });

  it('allow as many requests as the visit says', () => {
    const rules = new Rules({ ...told, maxHops: 2 });
    expect(['/1', '/2', '/3'].map((path) => rules.givenUp('GET', page(path)))).toEqual([
      undefined,
      undefined,
      'too-many-hops',
    ]);
  });

  it('follow addresses of the web, but for those where the visit ends', () => {
    const rules = new Rules({ ...told, stopAt: 'https://idp.test/auth' });
    expect(rules.leadsOn(page('/next'))).toBe(true);
    expect(rules.leadsOn(new URL('https://idp.test/auth?x=1'))).toBe(false);
    expect(rules.leadsOn(new URL('mailto:a@b'))).toBe(false);
    expect(rules.leadsOn(undefined)).toBe(false);
  });

  it('alter what comes back from another host, and nothing else', () => {
    const rules = new Rules({ ...told, alter: 'state' });
    const back = page('/callback?code=c&state=a');
    expect(rules.inPlaceOf(back, new URL('https://idp.test/')).search).toBe('?code=c&state=b');
    expect(rules.inPlaceOf(back, page('/'))).toBe(back);
    const there = new URL('https://idp.test/auth?state=a');
    expect(rules.inPlaceOf(there, page('/'))).toBe(there);
  });
});
