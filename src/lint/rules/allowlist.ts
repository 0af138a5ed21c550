import type { Finding } from '#lint/finding.ts';
import { findingAt } from '#lint/manifest.ts';
import { allowlists, policiesOf, type AuthorizationRule, type Policy } from '#lint/policy.ts';
import type { Rule } from '#lint/rule.ts';
import { fields, text } from '#lint/shape.ts';

const mentioned = 'email_verified';

/**
 * OA-D8: whoever can make an account with a listed address gets in, without owning it. The API compares claims with texts and
 * lists of texts, and `email_verified` is a boolean: no claim of a rule can match it. Envoy Gateway 1.9 has an expression
 * beside the principal (`cel`; both must hold) which reads the verified token as metadata, under its provider's name.
 * So this is an error where the definitions have that field, and a warning where they don't, as nothing can be written then.
 */
export const unverifiedAddress: Rule = {
  id: 'OA-D8',
  title: 'an allowlist of addresses that does not ask whether the address was verified',
  check: ({ tree, api }) =>
    policiesOf(tree.manifests).flatMap((policy) =>
      allowlists(policy).flatMap(({ rule, claim }): Finding[] => {
        const asText = rule.claims.find(({ name }) => name === mentioned);
        if (asText)
          return [
            findingAt(policy.manifest, asText.path, {
              rule: 'OA-D8',
              severity: 'warning',
              why: 'a claim is compared with texts, and email_verified is a boolean at nearly every provider: then nobody matches',
              fix: api.celRules ? expression(rule) : 'leave it out unless the provider sends a text, as few do',
            }),
          ];
        if (isEnforced(policy, rule)) return [];
        return [
          findingAt(policy.manifest, claim.path, {
            rule: 'OA-D8',
            severity: api.celRules ? 'error' : 'warning',
            why: 'an account with a listed address that nobody verified is admitted',
            fix: api.celRules
              ? expression(rule)
              : 'this API cannot express it: update Envoy Gateway to a version whose rules have cel, or make sure that the provider issues verified addresses only',
          }),
        ];
      }),
    ),
};

const expression = ({ jwt }: AuthorizationRule): string =>
  `add to the rule, beside principal: cel: "metadata.filter_metadata['envoy.filters.http.jwt_authn']['${text(jwt?.['provider']) ?? 'PROVIDER'}']['${mentioned}'] == true"`;

/** By the rule itself, or by one before it that denies. */
function isEnforced({ rules }: Policy, rule: AuthorizationRule): boolean {
  const before = rules.slice(0, rules.indexOf(rule)).filter(({ action }) => action === 'Deny');
  return [rule, ...before].some(({ cel }) => cel?.includes(mentioned));
}

/** Matching is exact, and providers send addresses in lower case: an entry with capitals locks its owner out. */
export const allowlistCase: Rule = {
  id: 'allowlist-case',
  title: 'an allowlist entry with capital letters, which locks its owner out',
  check: ({ tree }) =>
    policiesOf(tree.manifests).flatMap((policy) =>
      allowlists(policy).flatMap(({ claim }) =>
        claim.values.flatMap((value, at) => {
          const entry = text(value);
          if (entry === undefined || entry === entry.toLowerCase()) return [];
          return findingAt(policy.manifest, [...claim.path, 'values', at], {
            rule: 'allowlist-case',
            severity: 'error',
            why: 'the entry has capital letters, addresses are compared letter by letter and come in lower case: its owner is locked out',
            fix: 'write it in lower case',
          });
        }),
      ),
    ),
};

/** Everyone who is on no list is then admitted; left out, the default denies. */
export const defaultAllow: Rule = {
  id: 'default-allow',
  title: 'an allowlist whose default action admits everybody else',
  check: ({ tree }) =>
    policiesOf(tree.manifests).flatMap((policy) =>
      fields(policy.spec['authorization'])['defaultAction'] === 'Allow' && allowlists(policy).length > 0
        ? findingAt(policy.manifest, ['spec', 'authorization', 'defaultAction'], {
            rule: 'default-allow',
            severity: 'error',
            why: 'the default action is Allow: whoever is on no list is admitted too',
            fix: 'defaultAction: Deny, which also holds when it is left out',
          })
        : [],
    ),
};

// The caps of the definitions of Envoy Gateway 1.9: an object beyond them is refused.
const caps = { claims: 16, values: 128 };

/** Refused as a whole, and then nothing guards the gateway. */
export const claimLimits: Rule = {
  id: 'claim-limits',
  title: `more than ${caps.values} values in a claim, or more than ${caps.claims} claims in a rule`,
  check: ({ tree }) =>
    policiesOf(tree.manifests).flatMap(({ manifest, rules }) =>
      rules.flatMap(({ path, claims }) => {
        const told = (why: string, fix: string) => ({ rule: 'claim-limits', severity: 'error' as const, why, fix });
        const refused = 'the API server refuses the whole policy, and without it the gateway serves everyone';
        const long = claims
          .filter(({ values }) => values.length > caps.values)
          .map((claim) =>
            findingAt(
              manifest,
              [...claim.path, 'values'],
              told(
                `${claim.values.length} values in one claim, and ${caps.values} are the most: ${refused}`,
                'split them over two rules: a request needs to match only one',
              ),
            ),
          );
        if (claims.length <= caps.claims) return long;
        const many = findingAt(
          manifest,
          [...path, 'principal', 'jwt', 'claims'],
          told(
            `${claims.length} claims in one rule, and ${caps.claims} are the most: ${refused}`,
            'name fewer claims; all of a rule must match',
          ),
        );
        return [...long, many];
      }),
    ),
};
