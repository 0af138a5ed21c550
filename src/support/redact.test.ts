import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hideAlways, redactJson, redactText, redacted, writeRedacted } from '#support/redact.ts';

const privateKey = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
}).privateKey;
const certificate = '-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const keyBody = privateKey.split('\n')[1] ?? '';
const token = `eyJhbGciOiJIUzI1NiJ9.${base64('{"sub":"a@b.c"}').replace(/=/g, '')}.c2lnbmF0dXJl`;

/** One of each kind: the text that is written, and the part of it that nobody may find again. */
const planted: Array<{ kind: string; text: string; secret: string }> = [
  { kind: 'private-key', text: `before\n${privateKey}after`, secret: keyBody },
  { kind: 'private-key', text: JSON.stringify({ note: privateKey }), secret: keyBody },
  { kind: 'private-key', text: privateKey.slice(0, 120), secret: keyBody.slice(0, 40) },
  { kind: 'private-key', text: `client-key-data: ${base64(privateKey)}`, secret: base64(privateKey) },
  { kind: 'private-key', text: '{"private_key": {"inline_string": "c2VzYW1l"}}', secret: 'c2VzYW1l' },
  { kind: 'secret-bytes', text: '{"inline_bytes": "b3BlbiBzZXNhbWU="}', secret: 'b3BlbiBzZXNhbWU' },
  { kind: 'jwt', text: `id=${token} rest`, secret: token },
  { kind: 'cookie', text: 'Cookie: session=s3cr3tvalue; theme=d4rkm0de', secret: 's3cr3tvalue' },
  { kind: 'cookie', text: 'Cookie: session=s3cr3tvalue; theme=d4rkm0de', secret: 'd4rkm0de' },
  { kind: 'cookie', text: '< set-cookie: IdToken-1=abc123xyz; Path=/; HttpOnly', secret: 'abc123xyz' },
  { kind: 'cookie', text: '{"set-cookie":"IdToken-1=abc123xyz; Path=/"}', secret: 'abc123xyz' },
  { kind: 'cookie', text: String.raw`{\"cookie\":\"sid=abc123xyz\",\"x\":1}`, secret: 'abc123xyz' },
  { kind: 'password', text: 'POST /login?user=a&password=hunter2&next=/', secret: 'hunter2' },
  { kind: 'password', text: '{"password": "hunter2 with \\" quote"}', secret: 'quote' },
  { kind: 'password', text: 'PGPASSWORD: hunter2', secret: 'hunter2' },
  { kind: 'password', text: 'client_secret=hunter2', secret: 'hunter2' },
  { kind: 'password', text: 'postgres://app:hunter2@db.example:5432/x', secret: 'hunter2' },
  { kind: 'bearer', text: 'Authorization: Bearer opaque', secret: 'opaque' },
  { kind: 'bearer', text: 'sent with bearer abcdef-0123456789', secret: 'abcdef-0123456789' },
  { kind: 'basic', text: `authorization: Basic ${base64('u:hunter2')}`, secret: base64('u:hunter2') },
  { kind: 'token', text: 'refresh_token=opaque-value', secret: 'opaque-value' },
];

describe('redactText', () => {
  it.each(planted)('hides $kind in $text', ({ kind, text, secret }) => {
    const result = redactText(text);
    expect(result).not.toContain(secret);
    expect(result).toMatch(new RegExp(String.raw`\[redacted:${kind}:[0-9a-f]{8}\]`));
    expect(redactText(result)).toBe(result);
  });

  it('keeps the mark of equal secrets equal and of different ones different', () => {
    expect(redactText('password=one')).toBe(redactText('password=one'));
    expect(redactText('password=one')).not.toBe(redactText('password=two'));
  });

  it('keeps attributes of Set-Cookie, as checks judge them', () => {
    expect(redactText('set-cookie: a=b123; Domain=example.org; Secure; HttpOnly')).toMatch(
      /^set-cookie: a=\[redacted:cookie:[0-9a-f]{8}\]; Domain=example\.org; Secure; HttpOnly$/,
    );
  });

  it.each([
    certificate,
    base64(certificate),
    `{"certificate_chain":{"inline_bytes":"${base64(certificate)}"}}`,
    'By=spiffe://cluster.local/ns/semaphore/sa/auth-identity;Hash=3f0c11d2a9;URI=spiffe://cluster.local/ns/semaphore/sa/gw',
    'outbound|8081||auth-identity.semaphore.svc.cluster.local',
    '6f1c1f4e-9a54-4f0e-8f0a-2f4a5f4e7d11',
    'sha256:9d1fa8f4c1b2',
    'upstream connect error or disconnect/reset before headers. reset reason: connection termination',
    'Basic authentication is off, bearer tokens are not used',
    'rbac_access_denied_matched_policy[none]',
    'cookie:\n  name: session\npassword:\n  secretRef: here',
  ])('leaves %s alone', (text) => {
    expect(redactText(text)).toBe(text);
  });

  it('needs time that grows with the length only', () => {
    const hostile = ['cookie: ', 'eyJaaaaaa.', 'password=', '-----BEGIN PRIVATE KEY-----', 'a://b:', '"private_key":{'];
    const started = performance.now();
    for (const part of hostile) redactText(part.repeat(20_000));
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('what is told to be secret', () => {
  it('is hidden wherever it stands, however it is written', () => {
    const secret = 'correct "horse" & staple';
    hideAlways(secret);
    const written = [secret, JSON.stringify(secret), `?q=${encodeURIComponent(secret)}`, base64(secret)];
    for (const each of written) {
      const result = redactText(`before ${each} after`);
      expect(result).toMatch(/^before \S*\[redacted:password:[0-9a-f]{8}\]"? after$/);
      expect(redactText(result)).toBe(result);
    }
    expect(JSON.stringify(redactJson({ [secret]: [secret] }))).not.toContain('horse');
  });

  it('is left alone when it is but a word', () => {
    hideAlways('homelab');
    expect(redactText('https://app1.homelab.test/')).toBe('https://app1.homelab.test/');
  });
});

describe('a Secret', () => {
  it('shows no entry, in JSON or in YAML', () => {
    const secret = { kind: 'Secret', stringData: { 'client-secret': 'hunter2' } };
    expect(JSON.stringify(redactJson(secret))).not.toContain('hunter2');
    expect(redactText('stringData:\n  client-secret: hunter2\n  client_secret: hunter2\n')).not.toContain('hunter2');
  });
});

describe('redactJson', () => {
  it('judges by key: headers, name and value pairs, Secrets, config dumps', () => {
    const value = {
      headers: {
        cookie: 'sid=abc',
        'set-cookie': ['x=y1; Secure', 'v=w3; Secure\nu=y2; Secure'],
        Authorization: 'Bearer q',
      },
      env: [{ name: 'DB_PASSWORD', value: 'hunter2' }],
      secret: { kind: 'Secret', data: { 'tls.crt': base64(certificate), 'tls.key': base64(privateKey) } },
      private_key: { inline_bytes: 'Zm9v' },
      session_ticket_keys: { keys: [{ inline_bytes: 'YmFy' }] },
    };
    const text = JSON.stringify(redactJson(value));
    for (const secret of ['abc', 'y1', 'w3', 'y2', 'Bearer q', 'hunter2', base64(privateKey), 'Zm9v', 'YmFy']) {
      expect(text).not.toContain(`"${secret}"`);
      expect(text).not.toContain(`=${secret}`);
    }
    expect(text).toContain(base64(certificate));
    expect(text).toContain('; Secure');
    expect(value.env[0]?.value).toBe('hunter2');
  });

  it('never lets a planted secret through, wherever it stands, and is idempotent', () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9]{12,40}$/).map((text) => `${text}9Z`);
    const key = fc.constantFrom('password', 'db_password', 'client_secret', 'access_token', 'cookie', 'set-cookie');
    const nest = fc.array(fc.constantFrom('a', 'list', 'facts'), { maxLength: 4 });
    fc.assert(
      fc.property(secret, key, nest, fc.boolean(), (value, name, path, asText) => {
        const leaf: unknown = { [name]: name.includes('cookie') ? `sid=${value}` : value };
        const inner = asText ? JSON.stringify(leaf) : leaf;
        const whole = path.reduce<unknown>((below, step) => (step === 'list' ? [below] : { [step]: below }), inner);
        const once = redactJson(whole);
        expect(JSON.stringify(once)).not.toContain(value);
        expect(redactJson(once)).toEqual(once);
      }),
    );
  });

  it('leaves ids, SPIFFE URIs, hashes and cluster names as they are', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}[a-z0-9]$/);
    fc.assert(
      fc.property(fc.uuid(), name, name, fc.stringMatching(/^[0-9a-f]{64}$/), (id, ns, sa, hash) => {
        const value = { id, uri: `spiffe://cluster.local/ns/${ns}/sa/${sa}`, hash, to: `outbound|80||${sa}.${ns}.svc` };
        expect(redactJson(value)).toEqual(value);
      }),
    );
  });
});

describe('writeRedacted', () => {
  it('writes one of each kind and none can be found again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'redact-'));
    await writeRedacted(join(folder, 'deep/evidence.json'), { all: planted.map((each) => each.text) });
    await writeRedacted(join(folder, 'deep/dump.txt'), planted.map((each) => each.text).join('\n'));
    expect((await readdir(join(folder, 'deep'))).toSorted()).toEqual(['dump.txt', 'evidence.json']);
    for (const file of ['deep/evidence.json', 'deep/dump.txt']) {
      const text = await readFile(join(folder, file), 'utf8');
      for (const { secret } of planted) expect(text).not.toContain(secret);
    }
  });

  it('leaves a mark as it is', () => {
    const mark = redacted('cookie', 'x');
    expect(redacted('password', mark)).toBe(mark);
  });
});
