import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeAuthority, type Authority } from '#fixtures/server/testing/certificates.ts';
import { site } from '#fixtures/server/testing/site.ts';
import { outsideProvider, providerWords } from '#cli/own-provider.ts';
import { discover, placesOf, type Reach } from '#probe/discovery.ts';
import { redactText } from '#support/redact.ts';

const host = 'idp.outside.test';
const env = {
  MESHWITNESS_IDP_CLIENT_ID: 'second',
  MESHWITNESS_IDP_CLIENT_SECRET: 'secret-of-the-second-client',
  MESHWITNESS_IDP_USER: 'alice@outside.test',
  MESHWITNESS_IDP_PASSWORD: 'password-of-alice',
};

let authority: Authority;
let folder: string;
const file = (name: string): string => join(folder, name);
beforeAll(async () => {
  authority = await makeAuthority('test-root');
  folder = await mkdtemp(join(tmpdir(), 'own-provider-'));
  await writeFile(file('ca.pem'), `a note\n${authority.cert}\n${authority.key}`);
  await writeFile(file('key.pem'), authority.key);
  await writeFile(file('cut.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
});
afterAll(() => rm(folder, { recursive: true }));

/** A provider on this machine that describes itself so; `text` is what it says instead. */
async function atProvider<T>(
  act: (issuer: string) => Promise<T>,
  { status = 200, text, ...change }: { status?: number; text?: string } & Record<string, unknown> = {},
): Promise<T> {
  let told = '';
  const path = `${host}/.well-known/openid-configuration`;
  await using provider = await site({ [path]: (_, response) => void response.writeHead(status).end(told) }, authority);
  const issuer = `https://${host}:${provider.port}`;
  const own = {
    issuer,
    authorization_endpoint: `${issuer}/auth?tenant=a`,
    token_endpoint: 'https://tokens.outside.test/token',
    jwks_uri: `${issuer}/jwks`,
  };
  told = text ?? JSON.stringify({ ...own, ...change });
  return await act(issuer);
}

describe('discovery', () => {
  const here = (): Reach => ({ ca: authority.cert, address: '127.0.0.1' });
  const refused = (words: RegExp) => expect.objectContaining({ exitCode: 2, message: expect.stringMatching(words) });

  it('gives the endpoints, and the issuer as the provider writes it', async () => {
    const found = await atProvider((issuer) => discover(`${issuer}/`, here()));
    expect(found).toMatchObject({ token_endpoint: 'https://tokens.outside.test/token' });
    expect(found.issuer).toMatch(/:\d+$/);
  });

  it.each([
    ['is another one', { issuer: 'https://other.outside.test' }, /describes another issuer: https:\/\/other/],
    ['has no token endpoint', { token_endpoint: undefined }, /no OpenID provider: token_endpoint: expected an https/],
    ['has an endpoint without TLS', { jwks_uri: 'http://idp.test/keys' }, /jwks_uri: expected an https/],
    ['has an endpoint without a name', { jwks_uri: 'https://10.0.0.1/keys' }, /jwks_uri: expected an https/],
    ['has an endpoint that no manifest holds', { jwks_uri: "https://idp.test/'" }, /jwks_uri: expected an https/],
    [
      'wants the secret elsewhere',
      { token_endpoint_auth_methods_supported: ['client_secret_basic'] },
      /not list client_secret_post/,
    ],
    ['answers 404', { status: 404 }, /answered 404/],
    ['answers no JSON', { text: '<html>' }, /no JSON/],
    ['answers another JSON', { text: '[]' }, /describes no OpenID provider/],
  ])('refuses a provider that %s', async (_, said, words) => {
    await expect(atProvider((issuer) => discover(issuer, here()), said)).rejects.toEqual(refused(words));
  });

  it('says what to do when the certificate is not trusted', async () => {
    const asking = atProvider((issuer) => discover(issuer, { address: '127.0.0.1' }));
    await expect(asking).rejects.toMatchObject({ exitCode: 2, hint: expect.stringContaining('--idp-ca') });
  });

  it('says so when nobody answers', async () => {
    const gone = await atProvider(async (issuer) => issuer);
    await expect(discover(gone, here())).rejects.toEqual(refused(/cannot be had: .*ECONNREFUSED/));
  });
});

describe('the hosts of a provider', () => {
  it('are all at the address that was given', async () => {
    const places = await placesOf(['one.test', 'two.test', 'one.test'], '192.0.2.7');
    expect(places).toEqual({ 'one.test': '192.0.2.7', 'two.test': '192.0.2.7' });
  });

  it.each(['127.0.0.1', '127.1.2.3', '::1', '169.254.1.1', '0.0.0.0'])(
    'are not at %s, as pods are elsewhere',
    async (address) => {
      await expect(placesOf(['one.test'], address)).rejects.toThrow(/another machine to every pod/);
    },
  );
});

describe('--idp refuses', () => {
  const typed = (more: object = {}) => ({ idp: `https://${host}`, ...more });

  it.each([
    ['a CA without an issuer', { idp: undefined, idpCa: 'ca.pem' }, {}, /^--idp-ca belongs to --idp/],
    ['http', { idp: 'http://idp.test' }, {}, /--idp http:\/\/idp\.test: expected the https address/],
    ['an issuer by its address', { idp: 'https://10.0.0.1' }, {}, /with the name of a host/],
    ['an address that is a name', { idpAddress: 'idp.test' }, {}, /--idp-address idp\.test: expected an IP/],
    [
      'no secret and no user',
      {},
      { MESHWITNESS_IDP_CLIENT_SECRET: '', MESHWITNESS_IDP_USER: undefined },
      /needs MESHWITNESS_IDP_CLIENT_SECRET, MESHWITNESS_IDP_USER/,
    ],
    [
      'an address that no manifest holds',
      {},
      { MESHWITNESS_IDP_EMAIL: "o'hara@test" },
      /MESHWITNESS_IDP_EMAIL holds a quote/,
    ],
    [
      'one user twice',
      {},
      { MESHWITNESS_IDP_OTHER_USER: 'alice@outside.test' },
      /OTHER_USER is the user that is on the list/,
    ],
  ])('%s, in one line', async (_, options, more, message) => {
    const asking = outsideProvider(typed(options), { ...env, ...more });
    await expect(asking).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
  });

  it.each([
    ['that is not there', 'none.pem', /none\.pem: .*ENOENT/],
    ['that holds a key alone', 'key.pem', /no certificate in PEM/],
    ['that is cut off', 'cut.pem', /--idp-ca .*cut\.pem: /],
  ])('a CA file %s', async (_, name, message) => {
    const asking = outsideProvider(typed({ idpCa: file(name) }), env);
    await expect(asking).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
  });

  it('a provider on this machine, last of all', async () => {
    const asking = atProvider((idp) => outsideProvider({ idp, idpCa: file('ca.pem'), idpAddress: '127.0.0.1' }, env));
    await expect(asking).rejects.toThrow(/is at 127\.0\.0\.1, which is another machine/);
    const said = redactText(`${env.MESHWITNESS_IDP_CLIENT_SECRET} ${env.MESHWITNESS_IDP_PASSWORD}`);
    expect(said).toMatch(/^\[redacted:\S+ \[redacted:\S+$/);
  });
});

describe('without --idp', () => {
  it('nothing is asked', async () => {
    expect(await outsideProvider({}, {})).toBeUndefined();
    expect(providerWords({})).toEqual([]);
  });

  it('what was typed can be typed again', () => {
    expect(providerWords({ idp: 'https://idp.test', idpCa: 'ca.pem' })).toEqual([
      '--idp',
      'https://idp.test',
      '--idp-ca',
      'ca.pem',
    ]);
  });
});
