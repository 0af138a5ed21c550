import type { Finding } from '#lint/finding.ts';
import { findingAt, type Manifest } from '#lint/manifest.ts';
import { policiesOf, type Policy } from '#lint/policy.ts';
import {
  answersFor,
  isExempt,
  parents,
  pathMatches,
  refersTo,
  serving,
  targets,
  type PathMatch,
} from '#lint/routes.ts';
import type { Context, Rule } from '#lint/rule.ts';
import { fields, items, text } from '#lint/shape.ts';

/** The pages that a person without access must see. */
const wellKnown = /^\/(?:denied|logged-?out)\/?$/;

/** OA-D9: the page that says "denied" is denied itself, or starts the login again. */
export const redirectLoop: Rule = {
  id: 'OA-D9',
  title: 'a page for people without access, behind the very login: a redirect loop',
  check: ({ tree }) => {
    const guarded = guardedGateways(tree);
    const found = guarded.flatMap((each) => [...pages(each), ...redirects(each, tree)]);
    return [...new Map(found.map((each) => [`${each.file}:${each.line}`, each])).values()];
  },
};

interface Guarded {
  gateway: Pick<Manifest, 'kind' | 'name' | 'namespace'>;
  guard: Policy;
  /** What is served there and no policy of its own exempts. */
  matches: PathMatch[];
  /** What is served there, exempt or not. */
  all: PathMatch[];
}

function guardedGateways({ manifests }: Context['tree']): Guarded[] {
  const policies = policiesOf(manifests);
  const routes = manifests.filter(({ kind }) => kind === 'HTTPRoute');
  return policies
    .filter(({ oidc }) => oidc !== undefined)
    .flatMap((guard) =>
      targets(guard.manifest, manifests)
        .filter(({ kind }) => kind === 'Gateway')
        .map((gateway) => {
          const attached = routes.filter((route) => refersTo(parents(route), gateway as Manifest));
          const open = new Set(attached.filter((route) => isExempt(route, policies, manifests)));
          const all = attached.flatMap(pathMatches);
          return { gateway, guard, all, matches: all.filter(({ route }) => !open.has(route)) };
        }),
    );
}

/** Routes of the gateway that serve one of the pages by its usual path. */
function pages({ matches, guard }: Guarded): Finding[] {
  return matches
    .filter(({ value }) => wellKnown.test(value) && !letIn(guard, value))
    .map(({ route, at, value }) =>
      findingAt(
        route,
        at,
        told(`${value} is served by a route of the gateway that SecurityPolicy ${guard.manifest.name ?? ''} guards`),
      ),
    );
}

/** Redirects of responses to a path that the gateway serves behind the login. */
function redirects({ gateway, guard, all, matches }: Guarded, { manifests }: Context['tree']): Finding[] {
  const overriding = manifests.filter(
    (each) => each.kind === 'BackendTrafficPolicy' && concerns(each, gateway, all, manifests),
  );
  return overriding.flatMap((policy) =>
    items(fields(policy.value['spec'])['responseOverride']).flatMap((override, n) => {
      const redirect = fields(fields(override)['redirect']);
      const path = text(fields(redirect['path'])['replaceFullPath']) ?? text(redirect['path']);
      if (path === undefined || letIn(guard, path)) return [];
      const served = serving(
        path,
        all.filter(({ route }) => answersFor(route, text(redirect['hostname']))),
      );
      // Named already, at the route, where the page has one.
      if (served === undefined || !matches.includes(served) || wellKnown.test(served.value)) return [];
      return findingAt(
        policy,
        ['spec', 'responseOverride', n, 'redirect'],
        told(`the redirect leads to ${path}, which route ${served.route.name ?? ''} of the guarded gateway serves`),
      );
    }),
  );
}

function concerns(
  policy: Manifest,
  gateway: Guarded['gateway'],
  all: readonly PathMatch[],
  manifests: readonly Manifest[],
): boolean {
  const aimed = targets(policy, manifests);
  return refersTo(aimed, gateway as Manifest) || all.some(({ route }) => refersTo(aimed, route));
}

/** Whether the guard itself lets everyone who is logged in see the page: enough for one about a refusal. */
function letIn({ rules }: Policy, path: string): boolean {
  return rules.some(
    ({ action, operation, cel, jwt }) =>
      action === 'Allow' &&
      jwt === undefined &&
      (text(fields(operation['path'])['value']) === path || cel?.includes(path)),
  );
}

const told = (why: string) => ({
  rule: 'OA-D9',
  severity: 'error' as const,
  why: `${why}: who may not see it is sent to it again and again`,
  fix: 'give its route a SecurityPolicy of its own without oidc (exact path, nothing more), or serve it by a gateway without login',
});
