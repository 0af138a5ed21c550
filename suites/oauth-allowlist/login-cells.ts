import { apply } from 'json-merge-patch';
import type { Manifest } from '#lab/cluster.ts';
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

/** The route and the policy of a cell. */
export function documentsOfCell(stage: Stage, one: Cell | typeof bare, variant: string): Manifest[] {
  return stage.documents('cell').map((document) => {
    const own = { metadata: { name: one.name } };
    const changed = apply(structuredClone(document), own) as Policy & Route;
    if (changed.kind === 'HTTPRoute') return apply(changed, { spec: { hostnames: [new URL(one.url).hostname] } });
    const targetRefs = changed.spec.targetRefs.map((each) => ({ ...each, name: one.name }));
    const spec = 'token' in one ? loginOf(changed, one, variant) : { oidc: null };
    return apply(changed, { spec: { targetRefs, ...spec } });
  });
}

const header = 'x-id-token';

function loginOf({ spec: { jwt } }: Policy, { url, encrypted, token }: Cell, variant: string): object {
  const stated = token === 'stated-cookie' && variant !== 'made-up-names';
  return {
    oidc: {
      redirectURL: new URL('/oauth2/callback', url).href,
      disableTokenEncryption: !encrypted || variant === 'readable',
      ...(!stated && { cookieNames: null }),
      ...(token === 'header' && { forwardIDToken: { header } }),
    },
    ...(token === 'header' && {
      jwt: { providers: jwt.providers.map((each) => ({ ...each, extractFrom: { headers: [{ name: header }] } })) },
    }),
  };
}

interface Policy extends Manifest {
  spec: { targetRefs: object[]; jwt: { providers: object[] } };
}
interface Route extends Manifest {
  spec: { hostnames: string[] };
}
