import { nearest } from '#support/nearest.ts';
import { findingAt } from '#lint/manifest.ts';
import { policiesOf } from '#lint/policy.ts';
import type { Rule } from '#lint/rule.ts';
import { items, text } from '#lint/shape.ts';

/** OA-D1: the API server refuses such a policy, so nothing guards the gateway. */
export const claimRuleWithoutJwt: Rule = {
  id: 'OA-D1',
  title: 'a rule on token claims, and no jwt section that verifies the token',
  check: ({ tree }) =>
    policiesOf(tree.manifests).flatMap(({ manifest, providers, rules }) =>
      providers !== undefined
        ? []
        : rules
            .filter(({ jwt }) => jwt !== undefined)
            .map(({ path }) =>
              findingAt(manifest, [...path, 'principal'], {
                rule: 'OA-D1',
                severity: 'error',
                why: 'the rule asks for token claims, and the policy has no jwt section: the API server refuses the whole policy, and without it the gateway serves everyone',
                fix: 'add spec.jwt.providers with a provider of the name that principal.jwt.provider has: issuer, audiences, remoteJWKS, and extractFrom.cookies where OIDC keeps the token',
              }),
            ),
    ),
};

/** OA-D2: an OIDC provider has no name that a rule could use. */
export const unresolvedProvider: Rule = {
  id: 'OA-D2',
  title: 'a rule that names a JWT provider which the policy does not have',
  check: ({ tree }) =>
    policiesOf(tree.manifests).flatMap(({ manifest, oidc, providers, rules }) => {
      if (providers === undefined) return [];
      // A name that cannot be read may be the one meant.
      if (providers.some(({ name }) => name === undefined)) return [];
      const known = providers.map(({ name }) => name ?? '');
      return rules.flatMap(({ path, jwt }) => {
        const wanted = text(jwt?.['provider']);
        if (wanted === undefined || known.includes(wanted)) return [];
        const there = known.length === 0 ? 'it has none' : `there is ${known.join(', ')}`;
        const hint =
          nearest(wanted, known, 'did you mean') ?? 'name one of spec.jwt.providers, or add one of this name';
        return findingAt(manifest, [...path, 'principal', 'jwt', 'provider'], {
          rule: 'OA-D2',
          severity: 'error',
          why: `no provider in spec.jwt.providers is called "${wanted}": ${there}${oidc ? '; what stands in spec.oidc has no name and is no JWT provider' : ''}`,
          fix: hint,
        });
      });
    }),
};

/** OA-D7: the issuer signs tokens for many clients, and all of them carry addresses. */
export const noAudience: Rule = {
  id: 'OA-D7',
  title: 'a JWT provider without audiences: tokens made for other clients are accepted',
  check: ({ tree }) =>
    policiesOf(tree.manifests).flatMap(({ manifest, oidc, providers = [], rules }) =>
      providers
        .filter(({ value }) => items(value['audiences']).length === 0)
        .map(({ path, name = '?' }) =>
          findingAt(manifest, path, {
            rule: 'OA-D7',
            // Without a login and without rules on claims, a token of any client may be all that is asked for.
            severity: oidc !== undefined || rules.some(({ jwt }) => jwt !== undefined) ? 'error' : 'warning',
            why: `provider ${name} has no audiences: a token that the issuer made for any other client is accepted, with whatever address it holds`,
            fix: 'add audiences with the client id that spec.oidc uses',
          }),
        ),
    ),
};
