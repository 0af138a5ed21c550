import { lookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';
import { Agent, request } from 'undici';
import { z } from 'zod';
import { messageOf, UsageError } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';

/** How a provider of the user's is reached from this machine. */
export interface Reach {
  /** What its certificates are verified with, as PEM. Without: the public CAs. */
  ca?: string;
  /** Where its hosts are. Without: where DNS says. */
  address?: string;
}

/**
 * Whether this can be an address of a provider: by https, and by the name of a host, which is what its certificate is verified
 * by. What manifests cannot hold as text is none either.
 */
export function isEndpoint(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === 'https:' && isIP(url.hostname.replaceAll(/[[\]]/g, '')) === 0 && isPlain(text);
}

/** Whether manifests can hold it between quotes. */
export const isPlain = (text: string): boolean => text !== '' && !/['\p{Cc}]/u.test(text);

const expected = 'expected an https address with the name of a host';
const endpoint = z.string(expected).refine(isEndpoint, expected);
const metadata = z.object({
  issuer: endpoint,
  authorization_endpoint: endpoint,
  token_endpoint: endpoint,
  jwks_uri: endpoint,
  token_endpoint_auth_methods_supported: z.array(z.string()).optional(),
});
/** How gateways send the secret of a client: in the body. A provider that does not say what it takes is taken at its silence. */
const secretInBody = 'client_secret_post';

/** What a provider says of itself. */
export type Discovered = z.output<typeof metadata>;

/** No provider says more than this of itself, in bytes. */
const longest = 1_048_576;

/**
 * Reads the discovery document of an OpenID provider.
 *
 * @throws UsageError in one line when it cannot be had, is another provider's, or lacks an endpoint
 */
export async function discover(issuer: string, reach: Reach, signal?: AbortSignal): Promise<Discovered> {
  const url = `${withoutSlash(issuer)}/.well-known/openid-configuration`;
  const { status, text } = await get(url, reach, signal).catch((error: unknown) => {
    signal?.throwIfAborted();
    const { code = 'no reason given' } = error as { code?: string };
    throw new UsageError(`${url} cannot be had: ${messageOf(error) || code}`, hintFor(code), error);
  });
  if (status !== 200) throw new UsageError(`${url} answered ${status}: is that the issuer of an OpenID provider?`);
  const found = metadata.safeParse(jsonIn(text, url));
  if (!found.success) throw new UsageError(`${url} describes no OpenID provider: ${messageOf(found.error)}`);
  const { data } = found;
  if (withoutSlash(data.issuer) !== withoutSlash(issuer))
    throw new UsageError(`${url} describes another issuer: ${data.issuer}`, `name that one: --idp ${data.issuer}`);
  if (data.token_endpoint_auth_methods_supported?.includes(secretInBody) !== false) return data;
  throw new UsageError(`${url} does not list ${secretInBody}, which is how the gateway sends the secret of its client`);
}

async function get(url: string, { ca, address }: Reach, signal?: AbortSignal) {
  const connect = { ...(ca !== undefined && { ca }), ...(address !== undefined && { lookup: alwaysAt(address) }) };
  const dispatcher = new Agent({ connect, maxResponseSize: longest });
  const deadline = AbortSignal.timeout(timeouts.requestMs);
  const both = signal ? AbortSignal.any([signal, deadline]) : deadline;
  try {
    const { statusCode, body } = await request(url, { dispatcher, signal: both });
    return { status: statusCode, text: await body.text() };
  } finally {
    await dispatcher.destroy();
  }
}

/**
 * Where hosts are, as pods of a lab can reach them.
 *
 * @param address the same for all; without: where DNS says, IPv4 first
 * @throws UsageError for a host that DNS does not know, or that is this machine by an address that means another to a pod
 */
export async function placesOf(hosts: readonly string[], address?: string): Promise<Record<string, string>> {
  const place = async (host: string): Promise<[string, string]> => {
    const found = address ?? (await inDns(host));
    if (!own.check(found, isIPv6(found) ? 'ipv6' : 'ipv4')) return [host, found];
    throw new UsageError(`${host} is at ${found}, which is another machine to every pod`, elsewhere);
  };
  return Object.fromEntries(await Promise.all([...new Set(hosts)].map(place)));
}

const elsewhere = '--idp-address IP says where its hosts are';

async function inDns(host: string): Promise<string> {
  try {
    return (await lookup(host, { order: 'ipv4first' })).address;
  } catch (error) {
    throw new UsageError(`DNS does not know ${host}: ${messageOf(error)}`, elsewhere, error);
  }
}

/** Addresses that lead back to whoever uses them, or no further than its own link. */
const own = new BlockList();
own.addSubnet('127.0.0.0', 8);
own.addSubnet('169.254.0.0', 16);
own.addAddress('0.0.0.0');
own.addAddress('::', 'ipv6');
own.addAddress('::1', 'ipv6');
own.addSubnet('fe80::', 10, 'ipv6');

/** Takes the place of DNS, as `curl --resolve` does. */
function alwaysAt(address: string): LookupFunction {
  const family = isIP(address);
  return (_host, { all }, answer) => (all ? answer(null, [{ address, family }]) : answer(null, address, family));
}

function hintFor(code: string): string | undefined {
  if (/SELF_SIGNED|UNABLE_TO/.test(code)) return '--idp-ca FILE says what its certificate is verified with, as PEM';
  return /ENOTFOUND|EAI_AGAIN/.test(code) ? elsewhere : undefined;
}

function jsonIn(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${url} answered with something that is no JSON`, undefined, error);
  }
}

const withoutSlash = (url: string): string => url.replace(/\/+$/, '');
