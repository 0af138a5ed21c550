import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainSerial } from '#support/certificates.ts';
import { certsEntries, certsSummary } from '#witness/certificates/certs-page.ts';
import { dumpedSecrets } from '#witness/certificates/secrets-page.ts';
import { supervisorExpirySeconds } from '#witness/certificates/supervisor.ts';
import { cannotReload, tlsInventory } from '#witness/certificates/tls-contexts.ts';

// Recorded from plain Envoys with their secrets in watched files. Five states: started; the same pair under a new
// version; a certificate with another's key; a new pair; a second root.
const recorded = (name: string): string => readFileSync(resolve(import.meta.dirname, 'testdata', name), 'utf8');
type Step = 'start' | 'repush' | 'badpair' | 'renewed' | 'root';
interface Pushes {
  steps: Record<Step, { secrets: unknown; certs: unknown; stats: Record<string, number> }>;
}
const at = (version: string, step: Step) => {
  const { secrets, certs, stats } = (JSON.parse(recorded(`pushes-${version}.json`)) as Pushes).steps[step];
  const read = dumpedSecrets(JSON.stringify(secrets));
  return { secret: read['default'], bundle: read['ROOTCA'], certs: certsEntries(JSON.stringify(certs)), stats };
};
/** The roots of a page's bundle, PEM. */
function untangled(secrets: unknown): string[] {
  const bytes = /"trusted_ca":\{"inline_bytes":"(?<bytes>[^"]+)/.exec(JSON.stringify(secrets))?.groups?.['bytes'] ?? '';
  return Buffer.from(bytes, 'base64')
    .toString()
    .split(/(?<=-----END CERTIFICATE-----\n)/);
}
const old = '85dc05724d315d7526b8c98edfba56';
const renewed = '80041ec62351ae3e424f889d7faa0d';
const pinned = '2461918e59a4d0972445e0191c865e';
const versions = ['1.36.4', '1.40.0'];

describe('dumpedSecrets', () => {
  it.each(versions)('reads leaf, version and roots on Envoy %s', (version) => {
    const { secret, bundle } = at(version, 'start');
    expect(secret).toMatchObject({
      version: '1',
      leaf: {
        serial: old,
        uris: ['spiffe://cluster.local/ns/sock-shop/sa/front-end'],
        issuer: 'O=outside-issuer',
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    });
    expect(secret?.leaf?.notAfter).toBe(at(version, 'start').certs.leaves[0]?.notAfter);
    expect(bundle?.roots).toEqual(['3e22b09992c5e8fee1039e9426c363cec262d9a2']);
  });

  it('shows that a re-push moves the dump of the older Envoy only', () => {
    expect(at('1.36.4', 'repush').secret).toMatchObject({ version: '2', leaf: { serial: old } });
    expect(at('1.36.4', 'repush').secret?.lastUpdated).not.toBe(at('1.36.4', 'start').secret?.lastUpdated);
    expect(at('1.40.0', 'repush').secret).toEqual(at('1.40.0', 'start').secret);
  });

  it('shows that both dump the certificate that they rejected, the newer one with its version', () => {
    expect(at('1.40.0', 'badpair').secret).toMatchObject({ version: '3', leaf: { serial: renewed } });
    expect(at('1.36.4', 'badpair').secret).toMatchObject({ version: '2', leaf: { serial: renewed } });
    for (const version of versions) {
      const { certs, stats } = at(version, 'badpair');
      expect(certsSummary(certs).entries).toEqual({ [old]: 2, [pinned]: 2 });
      expect(stats['sds.default.update_rejected']).toBe(1);
    }
  });

  it('reads a second root', () => {
    for (const version of versions) expect(at(version, 'root').bundle?.roots).toHaveLength(2);
  });

  it('says when no root of the bundle signed the leaf', () => {
    const { secrets } = (JSON.parse(recorded('pushes-1.40.0.json')) as Pushes).steps.root;
    const untrusted = (edit: (bundle: string) => string) => {
      const text = JSON.stringify(secrets).replace(/(?<="trusted_ca":\{"inline_bytes":")[^"]+/, (bytes) =>
        Buffer.from(edit(Buffer.from(bytes, 'base64').toString())).toString('base64'),
      );
      return dumpedSecrets(text)['default']?.untrusted;
    };
    const [first = '', second = ''] = untangled(secrets);
    expect(untrusted((bundle) => bundle)).toBeUndefined();
    expect(untrusted(() => first)).toBeUndefined();
    expect(untrusted(() => second)).toBe(true);
    expect(untrusted(() => '')).toBeUndefined();
  });

  it('reads a whole dump as it does the page of secrets', () => {
    expect(dumpedSecrets(recorded('config-dump-1.40.0.json'))).toEqual({
      default: at('1.40.0', 'start').secret,
      ROOTCA: at('1.40.0', 'start').bundle,
    });
  });

  it('says of a secret that never came that it is warming', () => {
    expect(dumpedSecrets(recorded('warming-1.40.0.json'))['default']).toMatchObject({ name: 'default', warming: true });
    expect(dumpedSecrets('{}')).toEqual({});
  });

  it('says why a body could not be read', () => {
    const chain = Buffer.from('-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----').toString('base64');
    const body = { name: 'default', secret: { tls_certificate: { certificate_chain: { inline_bytes: chain } } } };
    const page = { configs: [{ '@type': 'x.SecretsConfigDump', dynamic_active_secrets: [body] }] };
    expect(dumpedSecrets(JSON.stringify(page))['default']?.unreadable).toMatch(/\w/);
  });
});

describe('certsEntries', () => {
  it.each(versions)('reads what is held, context by context, on Envoy %s', (version) => {
    expect(certsSummary(at(version, 'start').certs)).toMatchObject({ entries: { [old]: 2, [pinned]: 2 } });
    expect(certsSummary(at(version, 'repush').certs)).toEqual(certsSummary(at(version, 'start').certs));
    expect(certsSummary(at(version, 'renewed').certs).entries).toEqual({ [renewed]: 2, [pinned]: 2 });
    expect(at(version, 'start').certs.leaves.map(({ path }) => path)).toContain('/etc/certs/pinned.pem');
  });

  it('reads an empty page', () => {
    expect(certsSummary(certsEntries('{"certificates":[]}'))).toEqual({ entries: {} });
  });
});

describe('tlsInventory', () => {
  const inventory = tlsInventory(recorded('config-dump-1.40.0.json'));

  it('tells contexts that SDS feeds from those that hold their certificate', () => {
    expect(inventory.contexts.filter(({ pinned: held }) => held.length === 0)).toEqual(
      [
        ['listener', 'virtualInbound'],
        ['cluster', 'catalogue'],
      ].map(([kind, name]) => ({
        kind,
        name,
        secrets: ['default', 'ROOTCA'].map((secret) => ({ name: secret, from: `/etc/sds/${secret}.json` })),
        pinned: [],
      })),
    );
    expect(cannotReload(inventory)).toMatchObject([
      { kind: 'listener', name: 'pinned-inbound', pinned: [{ file: '/etc/certs/pinned.pem' }] },
      { kind: 'cluster', name: 'payment', pinned: [{ leaf: { serial: pinned } }] },
    ]);
    expect(inventory.sockets).toEqual({});
  });

  it('finds the socket of the issuer', () => {
    expect(tlsInventory(recorded('warming-1.40.0.json'))).toEqual({
      contexts: [
        {
          kind: 'cluster',
          name: 'catalogue',
          secrets: ['default', 'ROOTCA'].map((name) => ({ name, from: 'sds-grpc' })),
          pinned: [],
        },
      ],
      sockets: { 'sds-grpc': './var/run/secrets/workload-spiffe-uds/socket' },
    });
  });
});

describe('supervisorExpirySeconds', () => {
  it('reads the agent’s gauge among other lines', () => {
    const page = [
      '# TYPE istio_agent_cert_expiry_seconds gauge',
      'istio_agent_cert_expiry_seconds{resource_name="ROOTCA"} 3.1535e+08',
      'istio_agent_cert_expiry_seconds{resource_name="default"} -12.5',
      'envoy_server_days_until_first_cert_expiring{} 0',
    ].join('\n');
    expect(supervisorExpirySeconds(page)).toEqual({ ROOTCA: 315_350_000, default: -12.5 });
    expect(supervisorExpirySeconds('envoy_server_live{} 1')).toEqual({});
  });
});

describe('plainSerial', () => {
  it('makes one of all ways to write a serial', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 160n }), fc.boolean(), (serial, upper) => {
        const plain = serial.toString(16);
        const padded = plain.padStart(42, '0');
        const colons = (padded.match(/../g) ?? []).join(':');
        expect(plainSerial(upper ? colons.toUpperCase() : padded)).toBe(plain);
      }),
    );
  });
});
