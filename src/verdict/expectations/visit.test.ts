import { describe, expect, it } from 'vitest';
import type { ProbeEvidence } from '#support/evidence.ts';
import type { HopEvidence, VisitEvidence } from '#support/visit-evidence.ts';
import { loggedIn, providerSaw } from '#verdict/expectations/visit.ts';

const callback = 'https://oauth.homelab.test/oauth2/callback';
const hop = (url: string, status: number, cookies: string[] = []): HopEvidence => ({
  id: 'p1',
  method: 'GET',
  url,
  status,
  setCookies: cookies.map((name) => ({ name, valueHash: '0', secure: true, httpOnly: true, cleared: false })),
  cookiesSent: [],
});
const start = hop('https://app.homelab.test/', 302, ['OauthNonce']);
const way = (hops: HopEvidence[], more: Partial<VisitEvidence> = { outsideProvider: true }): ProbeEvidence => ({
  name: 'login',
  role: 'subject',
  id: 'p1',
  from: 'browser',
  to: 'app1',
  request: { method: 'GET', url: 'https://app.homelab.test/', headers: {} },
  order: 0,
  client: { id: 'p1', outcome: 'response', timingsMs: { total: 1 } },
  silent: [],
  visit: { hops, cookies: [], ended: 'response', ownMs: 0, ...more },
});
const came = (status: number, cookies: string[]) => hop(`${callback}?code=c&state=s`, status, cookies);

describe('at a provider of the user, which shows no log', () => {
  it.each([['id-token-a'], ['IdToken-1a2b']])('a login is seen by the gateway that sets %s', (name) => {
    expect(loggedIn(way([start, came(302, [name, 'OauthHMAC'])]))).toMatchObject([
      { expectation: 'logged-in', state: 'met', witness: { kind: 'client', from: 'browser' } },
    ]);
  });

  it.each([
    ['the callback was refused', [start, came(401, [])], '401'],
    ['it gave no ID token', [start, came(302, ['OauthHMAC'])], '302'],
    ['the provider sent an error', [start, hop(`${callback}?error=access_denied&state=s`, 403)], '403'],
    ['nobody came back', [start], 'no callback: 302'],
    ['it took two', [start, came(302, ['id-token-a']), came(302, ['id-token-a'])], '2 × so'],
  ])('there is none when %s', (_, hops, seen) => {
    expect(loggedIn(way(hops))).toMatchObject([{ expectation: 'logged-in', state: 'broken', seen }]);
  });

  it('what it saw is not known', () => {
    expect(providerSaw('authorize', 0)(way([start]))).toMatchObject([{ state: 'missing' }]);
  });
});

it('a log that was not read is a missing witness, where there is one', () => {
  expect(loggedIn(way([start, came(302, ['id-token-a'])], {}))).toMatchObject([
    { expectation: 'logged-in', state: 'missing', witness: { kind: 'provider', from: 'accounts' } },
  ]);
});
