import type { Path } from '#lint/finding.ts';
import { findingAt } from '#lint/manifest.ts';
import { allowlists, policiesOf } from '#lint/policy.ts';
import type { Rule } from '#lint/rule.ts';
import { isEncrypted, isVariable, items, within } from '#lint/shape.ts';

/** OA-D3: a strict API server refuses the policy, another drops the field; neither sends anyone anywhere. */
export const logoutRedirect: Rule = {
  id: 'OA-D3',
  title: 'logoutRedirectURL, a field that the API does not have',
  check: ({ tree }) =>
    policiesOf(tree.manifests).flatMap(({ manifest, oidc }) =>
      [...within(oidc, ['spec', 'oidc'])].flatMap(([path, value]) =>
        Object.keys(value)
          .filter((key) => /^(?:post)?logoutRedirectUR[IL]$/i.test(key))
          .map((key) =>
            findingAt(manifest, [...path, key], {
              rule: 'OA-D3',
              severity: 'error',
              why: `${key} is no field of the API: nobody is sent there after a logout, and a strict server refuses the policy`,
              fix: 'take logoutPath for the path that logs out, and provider.endSessionEndpoint where the provider has one; a page to land on needs a route of its own that asks for no login',
            }),
          ),
      ),
    ),
};

/** OA-D6: only `openid` is asked for by itself, so the token comes without the claim and every listed user gets 403. */
export const noEmailScope: Rule = {
  id: 'OA-D6',
  title: 'a rule on the email claim, and a login that does not ask for the scope email',
  check: ({ tree }) =>
    policiesOf(tree.manifests).flatMap((policy) => {
      const { manifest, oidc } = policy;
      if (oidc === undefined || allowlists(policy).length === 0) return [];
      const scopes = items(oidc['scopes']);
      if (scopes.includes('email') || scopes.some((each) => isEncrypted(each) || isVariable(each))) return [];
      const path: Path = 'scopes' in oidc ? ['spec', 'oidc', 'scopes'] : ['spec', 'oidc'];
      return findingAt(manifest, path, {
        rule: 'OA-D6',
        severity: 'error',
        why: 'the login asks for no scope email, so the token has no email claim: everyone on the list gets 403',
        fix: 'scopes: [openid, email]',
      });
    }),
};
