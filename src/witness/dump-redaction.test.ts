import { describe, expect, it } from 'vitest';
import { withoutKeyMaterial } from '#witness/dump-redaction.ts';

const planted = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7planted';
const pem = `-----BEGIN PRIVATE KEY-----\n${planted}\n-----END PRIVATE KEY-----\n`;
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const certificate = base64('-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n');

/** A config dump as Envoy gives it, with a key in each place where one can stand. */
const dump = {
  configs: [
    {
      '@type': 'type.googleapis.com/envoy.admin.v3.SecretsConfigDump',
      dynamic_active_secrets: [
        {
          name: 'default',
          secret: {
            tls_certificate: {
              certificate_chain: { inline_bytes: certificate },
              private_key: { inline_bytes: base64(pem) },
            },
          },
        },
        { name: 'hmac', secret: { generic_secret: { secret: { inline_string: planted } } } },
        { name: 'tickets', secret: { session_ticket_keys: { keys: [{ inline_bytes: base64(planted) }] } } },
      ],
    },
    { listener: { name: 'inline', private_key: { inline_string: pem } } },
  ],
};

describe('an admin page without key material', () => {
  it.each([
    ['as Envoy prints it', JSON.stringify(dump, null, 1)],
    ['on one line', JSON.stringify(dump)],
    ['cut off in the middle', JSON.stringify(dump, null, 1).slice(0, -20)],
  ])('has no planted key, %s', (_, page) => {
    const clean = withoutKeyMaterial(page);
    expect(clean).not.toContain(planted);
    expect(clean).not.toContain(base64(pem));
    expect(clean).not.toContain(base64(planted));
  });

  it('keeps certificates and names, which are evidence', () => {
    const clean = JSON.parse(withoutKeyMaterial(JSON.stringify(dump))) as typeof dump;
    const [first] = clean.configs[0]?.dynamic_active_secrets ?? [];
    expect(first?.name).toBe('default');
    expect(first?.secret.tls_certificate?.certificate_chain.inline_bytes).toBe(certificate);
    expect(first?.secret.tls_certificate?.private_key.inline_bytes).toMatch(/^\[redacted:private-key:/);
  });

  it('leaves text pages as they are, but for secrets', () => {
    expect(withoutKeyMaterial('cluster.a.upstream_rq_200: 3\n')).toBe('cluster.a.upstream_rq_200: 3\n');
    expect(withoutKeyMaterial(`info ${pem}`)).not.toContain(planted);
  });
});
