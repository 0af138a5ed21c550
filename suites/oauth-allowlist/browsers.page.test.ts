import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BrowseAnswer as Answer, BrowseRequest } from '#fixtures/server/protocol-browse.ts';
import { type Authority, makeAuthority } from '#fixtures/server/testing/certificates.ts';
import { loginPage as form, page, site, to, type Site } from '#fixtures/server/testing/site.ts';
import { freePort } from '#fixtures/server/testing/sockets.ts';
import type { Chromium } from '#probe/chromium/chromium.ts';
import { comparable, launchChromium, ours, type Visit } from './testing/both-browsers.ts';

// The same visit by both browsers, to servers that know no difference: what is equal here is what a verdict may rest on.
const app = 'https://app1.homelab.test/';
const username = 'user@example.com';
const back = 'https://oauth.homelab.test/callback?code=Code9&state=S-ta_te';
const session = 'session=s1%3D=; Domain=homelab.test; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600';

let authority: Authority;
let chromium: Chromium;
beforeAll(async () => {
  [authority, chromium] = await Promise.all([makeAuthority('test-root'), launchChromium()]);
});
afterAll(() => chromium?.[Symbol.asyncDispose]());

type Pages = Parameters<typeof site>[0];
/** A new one for each browser, as pages may count. */
type Make = () => Pages;

const whole: Make = () => ({
  'app1.homelab.test/': (request, response, body) =>
    (request.headers.cookie?.includes('session=') ? page('welcome') : to('https://idp.test/auth?state=S-ta_te'))(
      request,
      response,
      body,
    ),
  'oauth.homelab.test/callback': (request, response, body) =>
    (request.url?.endsWith('?code=Code9&state=S-ta_te') ? to(app, [session]) : page('denied'))(request, response, body),
  'idp.test/auth': to('/auth/form', ['interaction=1; Path=/auth', 'gone=; Max-Age=0']),
  'idp.test/auth/form': page(form),
  'idp.test/auth/session': (request, response, body) =>
    (body.includes('nobody') ? page(form) : to(back, [], 303))(request, response, body),
});

async function visit(
  by: Visit,
  pages: Pages,
  { tls = true, ...more }: Partial<BrowseRequest> & { tls?: boolean } = {},
) {
  await using server = await site(pages, tls ? authority : undefined);
  const resolve = { '*.test': { address: '127.0.0.1', port: server.port } };
  const answer = await by({ id: 'p1', url: app, resolve, ca: authority.cert, timeoutMs: 5_000, ...more });
  return { answer, seen: server.seen };
}

const both = async (make: Make, more: Parameters<typeof visit>[2] = {}) => ({
  real: await visit((request) => chromium.browse(request), make(), more),
  own: await visit(ours, make(), more),
});
const bodiless = ({ seen }: Pick<Site, 'seen'>) => seen.map(({ id, what, cookie }) => ({ id, what, cookie }));

const round: Make = () => {
  let times = 0;
  const again: Pages[string] = (request, response, body) => to(`/b?n=${(times += 1)}`)(request, response, body);
  return { 'app1.homelab.test/': again, 'app1.homelab.test/b': to('/') };
};
const ladder: Make = () =>
  Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`app1.homelab.test/${n || ''}`, to(`/${n + 1}`)]));
const cookies = ['own=1', 'parent=2; Domain=homelab.test', 'deep=3; Path=/deep', 'foreign=4; Domain=other.test'];

describe('a real browser and ours', () => {
  it.each<[string, Make, Parameters<typeof visit>[2]?]>([
    ['log in', whole, { login: { username } }],
    ['end at the form without somebody to log in', whole],
    ['end at the form that comes again', whole, { login: { username: 'nobody' } }],
    ['come back with an altered state', whole, { login: { username }, alter: 'state' }],
    ['come back with an altered code', whole, { login: { username }, alter: 'code' }],
    ['alter nothing that is not there', whole, { login: { username }, alter: 'nonce' }],
    ['do not follow what they are told not to', whole, { stopAt: 'https://idp.test/auth' }],
    ['see a loop', round],
    ['take twenty hops', ladder],
    ['take as many hops as they may', ladder, { maxHops: 3 }],
    ['keep a fragment', () => ({ 'app1.homelab.test/': to('/b#top'), 'app1.homelab.test/b': page('b') })],
    ['show what is no page', () => ({ 'app1.homelab.test/': page('no', ['a=1']) }), { url: `${app}none` }],
    ['do not follow what is no address of the web', () => ({ 'app1.homelab.test/': to('mailto:somebody@test') })],
    ['take cookies as domain and path say', () => ({ 'app1.homelab.test/': page('', cookies) })],
    [
      'take no Secure cookie from http',
      () => plain(['fake=1; Secure', 'open=1']),
      { tls: false, url: `http://${app.slice(8)}` },
    ],
    ['read a 302 that leads nowhere', () => ({ 'app1.homelab.test/': bare(302, 'denied') })],
    ['read a denial', () => ({ 'app1.homelab.test/': bare(403, 'RBAC: access denied') })],
    ['get nothing with a 204', () => ({ 'app1.homelab.test/': bare(204, '') })],
    ['are not told where a host is', () => ({ 'app1.homelab.test/': to('https://elsewhere.example/') })],
    ['are not told where the first host is', whole, { url: 'https://elsewhere.example/' }],
    ['do not take the certificate of another host', whole, { url: 'https://app7.homelab.test/' }],
  ])('%s alike', async (_, make, more) => {
    const { real, own } = await both(make, more);
    expect(comparable(real.answer)).toEqual(comparable(own.answer));
    expect(bodiless(real)).toEqual(bodiless(own));
  });

  it('send a form in alike, but for what a person clicks', async () => {
    const { real, own } = await both(whole, { login: { username } });
    const sent = ({ seen }: Pick<Site, 'seen'>) => seen.map(({ body }) => body).filter((body) => body !== '');
    expect(sent(real)).toEqual(['uid=a%26b&username=user%40example.com']);
    expect(sent(real)).toEqual(sent(own));
  });

  it('are refused alike', async () => {
    const resolve = { '*.test': { address: '127.0.0.1', port: await freePort() } };
    const { real, own } = await both(whole, { resolve });
    expect(real.answer).toMatchObject({ outcome: 'refused', error: { code: 'ECONNREFUSED', phase: 'connect' } });
    expect(comparable(real.answer)).toEqual(comparable(own.answer));
  });

  it('do not take the certificate of another authority', async () => {
    const ca = (await makeAuthority('other-root')).cert;
    const { real, own } = await both(whole, { ca });
    expect(real.answer).toMatchObject({ outcome: 'tls', error: { phase: 'tls' } });
    expect(comparable(real.answer)).toEqual(comparable(own.answer));
    expect(real.seen).toEqual([]);
  });

  it.each<[Answer['outcome'], Pages[string]]>([
    ['closed', (request) => void request.socket.destroy()],
    ['reset', (request) => void request.socket.resetAndDestroy()],
  ])('are %s by the server, each in its own words', async (outcome, end) => {
    const plain = { tls: false, url: `http://${app.slice(8)}` };
    const { real, own } = await both(() => ({ 'app1.homelab.test/': end }), plain);
    expect(real.answer).toMatchObject({ outcome, error: { phase: own.answer.error?.phase } });
    expect(own.answer).toMatchObject({ outcome });
  });

  it('have one deadline over all requests', async () => {
    const slow: Make = () => ({ 'app1.homelab.test/': to('/b'), 'app1.homelab.test/b': () => {} });
    const { real } = await both(slow, { timeoutMs: 3_000 });
    expect(real.answer).toMatchObject({
      outcome: 'timeout',
      error: { code: 'DEADLINE' },
      hops: [{ status: 302 }, { id: 'p1-2', error: expect.stringContaining('DEADLINE') }],
    });
  });
});

const bare =
  (status: number, text: string): Pages[string] =>
  (_request, response) =>
    response.writeHead(status, text === '' ? {} : { 'content-type': 'text/plain' }).end(text);
const plain = (set: string[]): Pages => ({ 'app1.homelab.test/': page('', set) });
