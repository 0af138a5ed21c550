import { Option } from 'commander';
import { UsageError } from '#support/errors.ts';
import type { OutsideProvider } from '#verdict/provider.ts';

/** Options of `verify` for logins at a provider of the user's. Its credentials are in the environment only. */
export interface ProviderOptions {
  idp?: string;
  idpCa?: string;
  idpAddress?: string;
}

export const providerOptions = [
  new Option('--idp <issuer>', 'logins go to an OpenID provider of your own, by its https issuer (see below)'),
  new Option('--idp-ca <file>', 'PEM that its certificates are verified with; default: the public CAs'),
  new Option('--idp-address <ip>', 'where its hosts are, when DNS does not know'),
];

export const providerHelp = `
A provider of your own (docs/oauth-allowlist.md): it must know a client that may have browsers sent back to
https://oauth-app1.homelab.test/oauth2/callback, and its login page must be a form that needs no scripts. The client and the users come
from the environment; secrets and passwords are in no report:
  MESHWITNESS_IDP_CLIENT_ID, _CLIENT_SECRET   the client, which sends its secret in the body of the token request
  MESHWITNESS_IDP_USER, _PASSWORD             an account, which is put on the list; the password is typed where the form asks for one
  MESHWITNESS_IDP_EMAIL                       its address as tokens have it; default: the user
  MESHWITNESS_IDP_OTHER_USER, _OTHER_PASSWORD an account that is not on the list; without one, fewer checks are decided`;

/**
 * The provider that the options and the environment speak of, as it describes itself.
 *
 * @returns undefined when they speak of none
 * @throws UsageError in one line for whatever is missing or no good, before anything is started
 */
export async function outsideProvider(
  options: ProviderOptions,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<OutsideProvider | undefined> {
  const { idp, idpCa, idpAddress } = options;
  if (idp === undefined) {
    if (idpCa !== undefined || idpAddress !== undefined)
      throw new UsageError(`${providerWords(options)[0]} belongs to --idp`);
    return undefined;
  }
  // What asks it is read only by a run that wants it.
  const { readProvider } = await import('#cli/read-provider.ts');
  return readProvider({ idp, idpCa, idpAddress }, env, signal);
}

/** The options as they were typed, for a command that is to do the same. */
export const providerWords = ({ idp, idpCa, idpAddress }: ProviderOptions): string[] =>
  Object.entries({ '--idp': idp, '--idp-ca': idpCa, '--idp-address': idpAddress }).flatMap(([name, value]) =>
    value === undefined ? [] : [name, value],
  );
