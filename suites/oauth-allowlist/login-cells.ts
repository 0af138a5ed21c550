import type { Manifest } from '#lab/cluster.ts';
import { merged } from '#verdict/overlay.ts';
import type { Stage } from '#verdict/stage.ts';

/** One way of keeping the tokens of a login, and of finding the ID token again. */
export interface Cell {
  name: string;
  /** Where the application is under it. */
  url: string;
  encrypted: boolean;
  /** Where the JWT filter looks: a cookie of a stated name, that cookie while the policy states none, or a header of the login's. */
  token: 'stated-cookie' | 'made-up-cookie' | 'header';
}

const cell = (encrypted: boolean, token: Cell['token']): Cell => {
  const name = `${encrypted ? 'encrypted' : 'clear'}-${token}`;
  return { name, url: `https://${name}.homelab.test/`, encrypted, token };
};

export const cells: readonly Cell[] = [true, false].flatMap((encrypted) =>
  (['stated-cookie', 'made-up-cookie', 'header'] as const).map((token) => cell(encrypted, token)),
);

/** The list alone, without a login: it is visited with the cookies of another cell. */
export const bare = { name: 'no-login', url: 'https://no-login.homelab.test/', after: 'encrypted-stated-cookie' };

/** What twins do to all cells. */
export type Variant = 'none' | 'made-up-names' | 'readable';

/** The route and the policy of a cell. */
export function documentsOfCell(stage: Stage, one: Cell | typeof bare, variant: Variant): Manifest[] {
  return stage.documents('cell').map((document) => {
    const spec =
      document.kind === 'HTTPRoute'
        ? { hostnames: [new URL(one.url).hostname] }
        : {
            targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: one.name }],
            ...('token' in one ? loginOf(document as Policy, one, variant) : { oidc: null }),
          };
    return merged(document, { metadata: { name: one.name }, spec });
  });
}

const header = 'x-id-token';

function loginOf({ spec: { jwt } }: Policy, { url, encrypted, token }: Cell, variant: Variant): object {
  const stated = token === 'stated-cookie' && variant !== 'made-up-names';
  const fromHeader = { extractFrom: { headers: [{ name: header }] } };
  return {
    oidc: {
      redirectURL: new URL('/oauth2/callback', url).href,
      disableTokenEncryption: !encrypted || variant === 'readable',
      ...(!stated && { cookieNames: null }),
      ...(token === 'header' && { forwardIDToken: { header } }),
    },
    ...(token === 'header' && { jwt: { providers: jwt.providers.map((each) => ({ ...each, ...fromHeader })) } }),
  };
}

interface Policy extends Manifest {
  spec: { jwt: { providers: object[] } };
}
