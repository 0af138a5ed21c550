import type { Path } from '#lint/finding.ts';
import type { Manifest } from '#lint/manifest.ts';
import { fields, isFields, items, text, type Fields } from '#lint/shape.ts';

/** A SecurityPolicy of Envoy Gateway, as the rules read it. */
export interface Policy {
  manifest: Manifest;
  spec: Fields;
  oidc: Fields | undefined;
  /** The JWT providers, undefined without a `jwt` section. */
  providers: Provider[] | undefined;
  rules: AuthorizationRule[];
}

export interface Provider {
  path: Path;
  name: string | undefined;
  value: Fields;
}

export interface AuthorizationRule {
  path: Path;
  action: string | undefined;
  cel: string | undefined;
  operation: Fields;
  /** The JWT principal, if it has one. */
  jwt: Fields | undefined;
  claims: Claim[];
}

export interface Claim {
  path: Path;
  name: string | undefined;
  values: readonly unknown[];
}

export function isPolicy({ group, kind }: Manifest): boolean {
  return group === 'gateway.envoyproxy.io' && kind === 'SecurityPolicy';
}

export function policiesOf(manifests: readonly Manifest[]): Policy[] {
  return manifests.filter(isPolicy).map(policyOf);
}

function policyOf(manifest: Manifest): Policy {
  const spec = fields(manifest.value['spec']);
  const jwt = spec['jwt'];
  return {
    manifest,
    spec,
    oidc: isFields(spec['oidc']) ? spec['oidc'] : undefined,
    providers: isFields(jwt)
      ? items(jwt['providers']).map((value, at) => ({
          path: ['spec', 'jwt', 'providers', at],
          name: text(fields(value)['name']),
          value: fields(value),
        }))
      : undefined,
    rules: items(fields(spec['authorization'])['rules']).map((value, at) =>
      ruleOf(fields(value), ['spec', 'authorization', 'rules', at]),
    ),
  };
}

function ruleOf(value: Fields, path: Path): AuthorizationRule {
  const { jwt } = fields(value['principal']);
  return {
    path,
    action: text(value['action']),
    cel: text(value['cel']),
    operation: fields(value['operation']),
    jwt: isFields(jwt) ? jwt : undefined,
    claims: items(fields(jwt)['claims']).map((claim, at) => ({
      path: [...path, 'principal', 'jwt', 'claims', at],
      name: text(fields(claim)['name']),
      values: items(fields(claim)['values']),
    })),
  };
}

/** The claims that let addresses in: an allowlist. */
export function allowlists(policy: Policy): { rule: AuthorizationRule; claim: Claim }[] {
  return policy.rules
    .filter(({ action }) => action !== 'Deny')
    .flatMap((rule) => rule.claims.filter(({ name }) => name === 'email').map((claim) => ({ rule, claim })));
}
