import { isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { rootCertificates } from 'node:tls';
import { z } from 'zod';
import type { Manifest } from '#lab/cluster.ts';
import { owned } from '#lab/manifests.ts';
import { readManifests } from '#verdict/manifest-file.ts';

/** What manifests and checks call a provider by, where it may be another one. */
const provided = [
  'issuer',
  // Not `authorization`: what is called so in evidence is a credential, and redacted.
  'authorization-endpoint',
  'token-endpoint',
  'token-host',
  'token-service',
  'jwks-uri',
  'jwks-service',
  /** A Service that leads to the token endpoint and says nothing of its certificate: for checks that do. */
  'bare-service',
  'client',
  'listed',
] as const;
const capabilities = ['scripted-provider', 'second-account'] as const;

/** The OpenID provider of a scene, as its scene.yaml states it. */
export const providerSection = z.strictObject({
  /** Ours: it takes scripts, logs in whoever gives a name, and keeps a log. */
  workload: z.string(),
  /** Of its pod. */
  port: z.int(),
  /** What stands for placeholders while it is ours: `${issuer}`. */
  names: z.record(z.enum(provided), z.string()),
  secrets: z.strictObject({ 'client-secret': z.string() }),
  /** Two users, as checks type them: one whom the working policy lists, and one whom it does not. */
  users: z.strictObject({ listed: z.string(), unlisted: z.string() }),
  /** What leads to a provider of the user's in its place: the way, and how its certificate is verified. */
  outside: z.strictObject({ service: z.string(), publicTrust: z.string(), ownTrust: z.string() }),
});
export type ProviderSection = z.output<typeof providerSection>;

/** Who logs in. */
export interface Account {
  username: string;
  password?: string;
}

/** An OpenID provider of the user's, which takes the place of a scene's own. */
export interface OutsideProvider {
  issuer: string;
  /** Endpoints, by their whole addresses. */
  authorization: string;
  token: string;
  jwks: string;
  client: { id: string; secret: string };
  /** `email` is the claim that policies list. */
  listed: Account & { email: string };
  unlisted?: Account;
  /** Where each of its hosts is. */
  addresses: Record<string, string>;
  /** What its certificates are verified with, as PEM. Without: the public CAs. */
  ca?: string;
}

/** The provider of a scene in one run. */
export interface PlannedProvider {
  /** Filled in only where objects go to the API server. */
  secrets: Record<string, string>;
  /** Capabilities that checks name under `needs`. */
  brings: string[];
  /** Applied whenever the scene is deployed: none while it is a workload of the scene. */
  objects: Manifest[];
  /** The workload that it is, and where its host leads. */
  ours?: { workload: string; host: string; port: number };
  /** How a browser gets to one of the user's, and logs in: accounts by what checks type. */
  outside?: { resolve: Record<string, { address: string }>; ca: string; accounts: Record<string, Account> };
}

/** @returns it, and what its placeholders stand for beside those of the scene */
export async function planProvider(
  folder: string,
  section: ProviderSection,
  names: Record<string, string>,
  outside?: OutsideProvider,
): Promise<{ provider: PlannedProvider; provided: Record<string, string> }> {
  if (!outside) {
    const { workload, port, secrets, names: own } = section;
    const ours = { workload, host: own['token-host'], port };
    return { provider: { secrets, brings: [...capabilities], objects: [], ours }, provided: own };
  }
  const { issuer, authorization, token, jwks, client, listed, unlisted, addresses, ca } = outside;
  const { email, ...account } = listed;
  const { users } = section;
  const places = Object.entries(addresses).map(([host, address]) => [host, { address }] as const);
  const provider = {
    secrets: { 'client-secret': client.secret },
    brings: unlisted ? ['second-account'] : [],
    objects: await waysTo(folder, section, names, outside),
    outside: {
      resolve: Object.fromEntries(places),
      ca: ca ?? rootCertificates.join('\n'),
      accounts: { [users.listed]: account, ...(unlisted && { [users.unlisted]: unlisted }) },
    },
  };
  const own: ProviderSection['names'] = {
    issuer,
    'authorization-endpoint': authorization,
    'token-endpoint': token,
    'token-host': new URL(token).hostname,
    'token-service': services.token,
    'jwks-uri': jwks,
    'jwks-service': services.jwks,
    'bare-service': services.bare,
    client: client.id,
    listed: email,
  };
  return { provider, provided: own };
}

/** Why a provider of the user's leaves a check undecided that needs these; undefined when it does not. */
export function absentFrom(outside: OutsideProvider, needs: readonly string[]): string | undefined {
  if (needs.includes('scripted-provider'))
    return 'scripted-provider is absent here: a provider of yours takes no scripts, keeps no log for us, and knows only your accounts';
  if (needs.includes('second-account') && !outside.unlisted)
    return 'second-account is absent here: no account of your provider is given that is not on the list';
  return undefined;
}

/** Called unlike those of the scene's own: Kubernetes leaves the endpoints of a Service that loses its selector. */
const services = { token: 'outside-token', jwks: 'outside-jwks', bare: 'outside-bare' };
const ownCa = 'outside-ca';

/** Services that lead to its endpoints, for policies to name. */
async function waysTo(
  folder: string,
  { outside: files }: ProviderSection,
  names: Record<string, string>,
  { token, jwks, addresses, ca }: OutsideProvider,
): Promise<Manifest[]> {
  const trust = ca === undefined ? files.publicTrust : files.ownTrust;
  const way = async (service: string, endpoint: string, manifests: string[]) => {
    const { hostname: host, port } = new URL(endpoint);
    const address = addresses[host] ?? '';
    const values = {
      ...names,
      service,
      host,
      port: port === '' ? '443' : port,
      address,
      family: isIPv6(address) ? 'IPv6' : 'IPv4',
      ca: ownCa,
    };
    return Promise.all(manifests.map((file) => readManifests(resolve(folder, file), values)));
  };
  const all = await Promise.all([
    way(services.token, token, [files.service, trust]),
    way(services.jwks, jwks, [files.service, trust]),
    way(services.bare, token, [files.service]),
  ]);
  return [...(ca === undefined ? [] : [trusted(ca, names['namespace'] ?? '')]), ...all.flat(2)];
}

const trusted = (ca: string, namespace: string): Manifest & { data: object } =>
  owned({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: ownCa, namespace }, data: { 'ca.crt': ca } });
