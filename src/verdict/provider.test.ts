import { describe, expect, it } from 'vitest';
import type { Manifest } from '#lab/cluster.ts';
import { loadCatalogue } from '#verdict/catalogue.ts';
import { withSecrets } from '#verdict/manifest-file.ts';
import { manifestText, planRun } from '#verdict/plan.ts';
import type { OutsideProvider } from '#verdict/provider.ts';
import { planScene } from '#verdict/scene-file.ts';

const secret = 'a "secret" with $& in it';
const outside: OutsideProvider = {
  issuer: 'https://idp.example.org/realm',
  authorization: 'https://login.example.org/auth',
  token: 'https://idp.example.org:8443/token',
  jwks: 'https://keys.example.org/jwks',
  client: { id: '0123', secret },
  listed: { username: 'alice', password: 'pw', email: 'alice@example.org' },
  addresses: { 'idp.example.org': '192.0.2.1', 'login.example.org': '192.0.2.1', 'keys.example.org': '2001:db8::2' },
};
const ca = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const named = (objects: readonly Manifest[], kind: string, name: string) =>
  objects.find((each) => each.kind === kind && each.metadata.name === name);

describe('a provider of the user', () => {
  it('is led to by Services of its own, whose hosts are verified as those of any site', async () => {
    const { provider, names } = await planScene('homelab', [], 'envoy-gateway', { outside });
    const objects = provider?.objects ?? [];
    expect(JSON.stringify(objects)).not.toMatch(/\$\{|secret/);
    expect(objects.map(({ metadata }) => metadata.namespace)).toEqual(objects.map(() => names['namespace']));
    expect(named(objects, 'Service', 'outside-token')).toMatchObject({
      spec: { ports: [{ port: 443, targetPort: 8443 }] },
    });
    expect(named(objects, 'Service', 'outside-token')).not.toHaveProperty('spec.selector');
    expect(named(objects, 'EndpointSlice', 'outside-token')).toMatchObject({
      metadata: { labels: { 'kubernetes.io/service-name': 'outside-token' } },
      addressType: 'IPv4',
      ports: [{ name: 'https', port: 8443 }],
      endpoints: [{ addresses: ['192.0.2.1'] }],
    });
    expect(named(objects, 'EndpointSlice', 'outside-jwks')).toMatchObject({
      addressType: 'IPv6',
      ports: [{ port: 443 }],
      endpoints: [{ addresses: ['2001:db8::2'] }],
    });
    expect(named(objects, 'BackendTLSPolicy', 'outside-jwks')).toMatchObject({
      spec: { validation: { hostname: 'keys.example.org', wellKnownCACertificates: 'System' } },
    });
    expect(named(objects, 'BackendTLSPolicy', 'outside-bare')).toBeUndefined();
    expect(named(objects, 'EndpointSlice', 'outside-bare')).toBeDefined();
  });

  it('is verified with the CA that was given, and a browser trusts it too', async () => {
    const { provider } = await planScene('homelab', [], 'envoy-gateway', { outside: { ...outside, ca } });
    const trusted = named(provider?.objects ?? [], 'BackendTLSPolicy', 'outside-token');
    expect(trusted).toMatchObject({ spec: { validation: { caCertificateRefs: [{ name: 'outside-ca' }] } } });
    expect(named(provider?.objects ?? [], 'ConfigMap', 'outside-ca')).toMatchObject({ data: { 'ca.crt': ca } });
    expect(provider?.outside?.ca).toBe(ca);
  });

  it('is where a browser finds it, and knows the accounts that were given and no others', async () => {
    const { provider } = await planScene('homelab', [], 'envoy-gateway', { outside });
    expect(provider?.outside?.resolve).toMatchObject({ 'keys.example.org': { address: '2001:db8::2' } });
    expect(provider?.outside?.ca).toContain('BEGIN CERTIFICATE');
    const { email: _ofTokens, ...account } = outside.listed;
    expect(provider?.outside?.accounts).toEqual({ 'user@example.com': account });
    expect(provider?.brings).toEqual([]);
    const both = { ...outside, unlisted: { username: 'bob' } };
    const other = await planScene('homelab', [], 'envoy-gateway', { outside: both });
    expect(other.provider?.outside?.accounts['stranger@example.com']).toEqual({ username: 'bob' });
    expect(other.provider?.brings).toEqual(['second-account']);
  });
});

describe('a run at a provider of the user', () => {
  const wanted = ['OA-02', 'OA-04', 'OA-05', 'OA-07', 'OA-16'];
  const plan = async (one: OutsideProvider) => {
    const checks = (await loadCatalogue()).filter(({ id }) => wanted.includes(id));
    return planRun(checks, ['current'], 'lab', { outside: one });
  };

  it('decides what needs neither scripts nor a second account, and deploys nothing for the rest', async () => {
    const { groups, withheld } = await plan(outside);
    expect(groups.flatMap(({ checks }) => checks.map(({ check }) => check.id))).toEqual(['OA-02', 'OA-04', 'OA-16']);
    expect(groups.flatMap((each) => each.plan.workloads.map(({ name }) => name))).not.toContain('accounts');
    expect(withheld).toMatchObject([
      { check: { id: 'OA-05' }, channel: 'envoy-gateway', reason: expect.stringMatching(/^second-account is absent/) },
      {
        check: { id: 'OA-07' },
        channel: 'envoy-gateway',
        reason: expect.stringMatching(/^scripted-provider is absent/),
      },
    ]);
    const { withheld: rest } = await plan({ ...outside, unlisted: { username: 'bob' } });
    expect(rest.map(({ check }) => check.id)).toEqual(['OA-07']);
  });

  it('has policies that speak of it, and hold its secret only when they are applied', async () => {
    const { groups } = await plan(outside);
    const planned = groups[0]?.checks.find(({ check }) => check.id === 'OA-02');
    const manifests = planned?.manifests ?? [];
    expect(named(manifests, 'SecurityPolicy', 'oauth-a')).toMatchObject({
      spec: {
        oidc: {
          clientID: '0123',
          provider: { issuer: outside.issuer, tokenEndpoint: outside.token, backendRefs: [{ name: 'outside-token' }] },
        },
        jwt: { providers: [{ remoteJWKS: { uri: outside.jwks, backendRefs: [{ name: 'outside-jwks' }] } }] },
        authorization: { rules: [{ principal: { jwt: { claims: [{ values: ['alice@example.org'] }] } } }] },
      },
    });
    expect(JSON.stringify([planned?.names, manifests])).not.toContain('secret" with');
    const applied = withSecrets(manifests, groups[0]?.plan.provider?.secrets ?? {});
    expect(named(applied, 'Secret', 'oauth-client')).toMatchObject({ stringData: { 'client-secret': secret } });
    if (!planned) throw new Error('OA-02 is gone');
    expect(await manifestText(planned.check, planned.names)).toContain('client_secret: <client-secret>');
  });
});
