import type { Rule } from '#lint/rule.ts';
import { allowlistCase, claimLimits, defaultAllow, unverifiedAddress } from '#lint/rules/allowlist.ts';
import { claimRuleWithoutJwt, noAudience, unresolvedProvider } from '#lint/rules/jwt-provider.ts';
import { loadBalancerAnnotation } from '#lint/rules/load-balancer.ts';
import { logoutRedirect, noEmailScope } from '#lint/rules/oidc.ts';
import { redirectLoop } from '#lint/rules/redirect-loop.ts';
import { secretKeys } from '#lint/rules/secret-keys.ts';
import { scratchPath } from '#lint/rules/sops-path.ts';
import { addressInClear } from '#lint/rules/sops.ts';

/** Every semantic rule, in the order of their ids. */
export const rules: readonly Rule[] = [
  claimRuleWithoutJwt,
  unresolvedProvider,
  logoutRedirect,
  secretKeys,
  loadBalancerAnnotation,
  noEmailScope,
  noAudience,
  unverifiedAddress,
  redirectLoop,
  addressInClear,
  scratchPath,
  allowlistCase,
  defaultAllow,
  claimLimits,
];

/** What else a finding may come from, by its id. */
export const otherRules: Readonly<Record<string, string>> = {
  schema: 'not as the pinned definitions of the API have it: a field, a type, a value',
  'validation-rule': 'a rule of the pinned definitions (x-kubernetes-validations) does not hold',
  server: 'refused by the API server of --context, in a dry run',
  unreadable: 'a file that could not be read, and was not checked',
};
