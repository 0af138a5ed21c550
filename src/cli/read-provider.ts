import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { discover, isEndpoint, isPlain, placesOf, type Reach } from '#probe/discovery.ts';
import { messageOf, UsageError } from '#support/errors.ts';
import { hideAlways } from '#support/redact.ts';
import type { Account, OutsideProvider } from '#verdict/provider.ts';

/** What was typed of it. */
interface Typed {
  idp: string;
  idpCa: string | undefined;
  idpAddress: string | undefined;
}

/**
 * Checks what is said of a provider of the user's, and asks it for the rest.
 *
 * @throws UsageError in one line for whatever is missing or no good
 */
export async function readProvider(
  { idp, idpCa, idpAddress }: Typed,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<OutsideProvider> {
  if (!isEndpoint(idp))
    throw new UsageError(`--idp ${idp}: expected the https address of an issuer, with the name of a host`);
  if (idpAddress !== undefined && isIP(idpAddress) === 0)
    throw new UsageError(`--idp-address ${idpAddress}: expected an IP address`);
  const { listed, unlisted, client } = credentialsIn(env);
  const ca = idpCa === undefined ? undefined : await pemIn(idpCa);
  const reach: Reach = { ...(ca !== undefined && { ca }), ...(idpAddress !== undefined && { address: idpAddress }) };
  const said = await discover(idp, reach, signal);
  const { issuer, authorization_endpoint: authorization, token_endpoint: token, jwks_uri: jwks } = said;
  const hosts = [issuer, authorization, token, jwks].map((each) => new URL(each).hostname);
  const addresses = await placesOf(hosts, idpAddress);
  return {
    issuer,
    authorization,
    token,
    jwks,
    client,
    listed,
    addresses,
    ...(unlisted && { unlisted }),
    ...(ca !== undefined && { ca }),
  };
}

const prefix = 'MESHWITNESS_IDP_';

/** @throws UsageError naming all that is missing */
function credentialsIn(env: NodeJS.ProcessEnv): Pick<OutsideProvider, 'client' | 'listed' | 'unlisted'> {
  const value = (name: string): string | undefined => env[`${prefix}${name}`] || undefined;
  const missing = ['CLIENT_ID', 'CLIENT_SECRET', 'USER'].filter((name) => value(name) === undefined);
  if (missing.length > 0)
    throw new UsageError(
      `--idp needs ${missing.map((name) => `${prefix}${name}`).join(', ')} in the environment`,
      './meshwitness verify --help says what they are',
    );
  const account = (user: string, password: string | undefined): Account => ({
    username: user,
    ...(password !== undefined && { password }),
  });
  const [id = '', secret = '', user = ''] = ['CLIENT_ID', 'CLIENT_SECRET', 'USER'].map(value);
  const [email = user, other] = ['EMAIL', 'OTHER_USER'].map(value);
  for (const [name, text] of Object.entries({ CLIENT_ID: id, EMAIL: email }))
    if (!isPlain(text)) throw new UsageError(`${prefix}${name} holds a quote or a control character`);
  if (other !== undefined && [user, email].includes(other))
    throw new UsageError(`${prefix}OTHER_USER is the user that is on the list: expected another one`);
  for (const each of [secret, value('PASSWORD'), value('OTHER_PASSWORD')]) if (each !== undefined) hideAlways(each);
  return {
    client: { id, secret },
    listed: { ...account(user, value('PASSWORD')), email },
    ...(other !== undefined && { unlisted: account(other, value('OTHER_PASSWORD')) }),
  };
}

/** @throws UsageError for a file that cannot be read, or that holds no certificate */
async function pemIn(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`--idp-ca ${file}: ${messageOf(error)}`, undefined, error);
  });
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    found.forEach((each) => new X509Certificate(each));
  } catch (error) {
    throw new UsageError(`--idp-ca ${file}: ${messageOf(error)}`, undefined, error);
  }
  if (found.length === 0) throw new UsageError(`--idp-ca ${file}: no certificate in PEM`);
  // Nothing else of the file, such as a key that was put beside it.
  return `${found.join('\n')}\n`;
}
