import { createSecureServer } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CookieChange } from '#fixtures/server/protocol-browse.ts';
import { role } from '#fixtures/server/roles/idp.ts';
import { type Authority, makeAuthority } from '#fixtures/server/testing/certificates.ts';
import { authorization, callback, host, makeFolder } from '#fixtures/server/testing/idp.ts';
import { portOf, started } from '#fixtures/server/testing/server.ts';
import { page, site, to, type Site } from '#fixtures/server/testing/site.ts';
import { opened } from '#fixtures/server/testing/sockets.ts';
import { tamperings, whole } from '#fixtures/server/testing/tamperings.ts';
import type { Chromium } from '#probe/chromium/chromium.ts';
import { launchChromium, ours, withoutValues, type Visit } from './testing/both-browsers.ts';

const app = 'https://app.test/';
let authority: Authority;
let chromium: Chromium;
beforeAll(async () => {
  [authority, chromium] = await Promise.all([makeAuthority('test-root'), launchChromium()]);
});
afterAll(() => chromium?.[Symbol.asyncDispose]());

const real: Visit = (request) => chromium.browse(request);
const request = ({ port }: Site, path = '') => ({
  id: 'p1',
  url: `${app}${path}`,
  resolve: { '*.test': { address: '127.0.0.1', port } },
  ca: authority.cert,
  timeoutMs: 10_000,
});

describe('a login at the real provider', () => {
  const held = { secure: true, httpOnly: true };
  async function login(by: Visit) {
    await using folder = await makeFolder();
    const defaults = ['issuer', 'client', 'secret'].map((name) => [name, String(role.flags[name]?.default)]);
    const flags = { https: '0', redirects: callback, tls: folder.dir, ...Object.fromEntries(defaults) };
    await using idp = await started(role, flags);
    const flagged = 'Domain=app.test; Path=/; Secure; HttpOnly';
    await using gateway = await site(
      {
        'app.test/': (asked, response, body) =>
          (asked.headers.cookie?.includes('session=')
            ? page('welcome')
            : to(`https://${host}${authorization()}`, [`nonce=n; ${flagged}; SameSite=Lax`]))(asked, response, body),
        'app.test/oauth2/callback': to(app, [`session=s; ${flagged}`, `nonce=; ${flagged}; Max-Age=0`]),
      },
      authority,
    );
    const asked = request(gateway);
    const resolve = { ...asked.resolve, [host]: { address: '127.0.0.1', port: portOf(idp, 'https') } };
    const ca = `${authority.cert}\n${folder.ca}`;
    return { answer: await by({ ...asked, resolve, ca, login: { username: 'user@example.com' } }), seen: gateway.seen };
  }

  it('ends where it began, with the cookies of the gateway and those of the provider', async () => {
    const { answer, seen } = await login(real);
    expect(answer).toMatchObject({ outcome: 'response', status: 200, body: 'welcome' });
    const way = answer.hops.map(({ method, url, status }) => `${method} ${url.split(/[?]/, 1)[0]} ${status}`);
    expect(way[0]).toBe(`GET ${app} 302`);
    expect(way.at(-2)).toBe(`GET ${callback} 302`);
    expect(way.at(-1)).toBe(`GET ${app} 200`);
    expect(new Set(answer.hops.map(({ id }) => id)).size).toBe(answer.hops.length);
    expect(seen.map(({ id }) => id)).toEqual([0, -2, -1].map((n) => answer.hops.at(n)?.id));
    expect(answer.cookies.find(({ name }) => name === 'session')).toMatchObject({ domain: 'app.test', ...held });
    expect(answer.cookies.find(({ name }) => name === 'nonce')).toBeUndefined();
    expect(answer.hops.at(-1)?.cookiesSent.map(({ name }) => name)).toEqual(['session']);
  });

  it('is the same for both browsers', async () => {
    const [mine, theirs] = [await login(ours), await login(real)];
    expect(withoutValues(theirs.answer)).toEqual(withoutValues(mine.answer));
  });
});

describe('Chromium', () => {
  it('says which it is', () => {
    expect(chromium.name).toMatch(/^Chromium \d+\.\d+/);
  });

  it('asks for the document alone, whatever is on the page', async () => {
    const busy = `<link rel="icon" href="/favicon.ico"><img src="/i.png"><iframe src="/f"></iframe>
      <script>fetch('/x'); setTimeout(() => { location.href = '/moved' })</script>`;
    await using server = await site({ 'app.test/': page(busy) }, authority);
    const answer = await real({ ...request(server), login: { username: 'a' } });
    expect(answer).toMatchObject({ outcome: 'response', status: 200, hops: [{ id: 'p1-1' }] });
    expect(server.seen.map(({ what }) => what)).toEqual(['GET app.test/']);
  });

  // Ours takes a cookie without SameSite for one that says None, and has no rule that None must be Secure.
  it('is stricter than ours with cookies that say nothing of SameSite, or None without Secure', async () => {
    const form = '<form method="post"><input name="username"><button>In</button></form>';
    const set = ['silent=1; Secure', 'lax=1; SameSite=Lax', 'none=1; SameSite=None; Secure', 'bare=1; SameSite=None'];
    await using server = await site(
      {
        'app.test/': page('', set),
        'idp.test/': (asked, response, body) =>
          (asked.method === 'POST' ? to(app, [], 307) : page(form))(asked, response, body),
      },
      authority,
    );
    const first = await real({ ...request(server), jar: 'same-site' });
    expect(first.cookies.map(({ name }) => name).toSorted()).toEqual(['lax', 'none', 'silent']);
    const login = { username: 'a' };
    const second = await real({ ...request(server), url: 'https://idp.test/', login, jar: 'same-site' });
    // A silent one is Lax, but goes with a form from elsewhere for its first two minutes.
    expect(second.hops.at(-1)?.cookiesSent.map(({ name }) => name)).toEqual(['silent', 'none']);
  });

  it('tells the same over HTTP/2, which gateways speak', async () => {
    const certificate = await authority.issue('gateway', [{ type: 'dns', value: 'app.test' }]);
    const versions: string[] = [];
    const server = createSecureServer({ ...certificate }, ({ httpVersion, url }, response) => {
      versions.push(httpVersion);
      const set = ['a=1; Secure', 'b=2; HttpOnly'];
      if (url === '/') response.writeHead(302, { location: '/b', 'set-cookie': set }).end();
      else response.writeHead(200, { 'content-type': 'text/plain' }).end('here');
    });
    const listening = await opened(server);
    await using _ = listening;
    const resolve = { 'app.test': { address: '127.0.0.1', port: listening.port } };
    const answer = await real({ id: 'p1', url: app, resolve, ca: authority.cert, timeoutMs: 5_000 });
    expect(versions).toEqual(['2.0', '2.0']);
    expect(answer).toMatchObject({
      body: 'here',
      hops: [
        {
          status: 302,
          location: `${app}b`,
          setCookies: [
            { name: 'a', secure: true },
            { name: 'b', httpOnly: true },
          ],
        },
        { status: 200, cookiesSent: [{ name: 'a' }, { name: 'b' }] },
      ],
    });
  });

  it('opens connections of its own for each visit', async () => {
    const ports: unknown[] = [];
    const pages = {
      'app.test/': (...[asked, response, body]: Parameters<ReturnType<typeof page>>) => {
        ports.push(asked.socket.remotePort);
        page('here', ['a=1'])(asked, response, body);
      },
    };
    await using server = await site(pages, authority);
    await real({ ...request(server), jar: 'fresh' });
    await real({ ...request(server), jar: 'fresh' });
    expect(server.seen.map(({ cookie }) => cookie)).toEqual(['', 'a=1']);
    expect(new Set(ports).size).toBe(2);
  });
});

describe('jars of Chromium', () => {
  const set = ['HmacA=zZ9%3D=; Domain=app.test; Secure; HttpOnly', 'Token-1=abc', 'Token-2=def'];
  const jarSite = () =>
    site({ 'app.test/': page('', set), 'app.test/look': page(''), 'www.app.test/': page('') }, authority);
  const look = async (server: Site, jar?: string, tamper: CookieChange[] = []): Promise<string> => {
    await real({ ...request(server, 'look'), ...(jar !== undefined && { jar }), tamper });
    return (server.seen.at(-1)?.cookie ?? '').split('; ').toSorted().join('; ');
  };

  it('are kept by name, and without a name not at all', async () => {
    await using server = await jarSite();
    await real({ ...request(server), jar: 'one' });
    await real(request(server));
    expect(await look(server, 'one')).toBe(whole);
    expect(await look(server)).toBe('');
    expect(await look(server, 'two')).toBe('');
  });

  it('are copied with all that is said of each cookie, and then go their own ways', async () => {
    await using server = await jarSite();
    const { cookies } = await real({ ...request(server), jar: 'original' });
    await chromium.copyJar('original', 'copy');
    expect(await look(server, 'original', [{ prefix: 'Token-', op: 'drop' }])).toBe('HmacA=zZ9%3D=');
    expect(await look(server, 'copy')).toBe(whole);
    const copy = await real({ ...request(server), url: 'https://www.app.test/', jar: 'copy' });
    expect(server.seen.at(-1)?.cookie, 'the others are for one host alone').toBe('HmacA=zZ9%3D=');
    const byName = (all: typeof cookies) => all.toSorted((a, b) => a.name.localeCompare(b.name));
    expect(byName(copy.cookies)).toEqual(byName(cookies));
  });

  it('that nobody has made cannot be copied', async () => {
    await expect(chromium.copyJar('no-such', 'b')).rejects.toThrow('no jar no-such here');
  });

  it.each(tamperings)('are tampered with: %j', async (tamper, expected) => {
    await using server = await jarSite();
    await real({ ...request(server), jar: 'whole' });
    await chromium.copyJar('whole', 'tampered');
    expect(await look(server, 'tampered', tamper)).toBe(expected);
    expect(await look(server, 'tampered'), 'it stays so').toBe(expected);
  });
});
