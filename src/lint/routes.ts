import type { Path } from '#lint/finding.ts';
import { sameNamespace, type Manifest } from '#lint/manifest.ts';
import type { Policy } from '#lint/policy.ts';
import { fields, items, text, type Fields } from '#lint/shape.ts';

/** What an object is attached to, by name. */
interface Reference {
  kind: string;
  name: string;
  namespace: string | undefined;
}

/** One path of a route. */
export interface PathMatch {
  route: Manifest;
  /** Where it stands in the route. */
  at: Path;
  type: 'Exact' | 'PathPrefix' | 'RegularExpression';
  value: string;
}

/** The targets that a policy names; by labels, the objects that carry them. */
export function targets(manifest: Manifest, all: readonly Manifest[]): Reference[] {
  const spec = fields(manifest.value['spec']);
  const named = [spec['targetRef'], ...items(spec['targetRefs'])].flatMap((each) =>
    reference(fields(each), manifest.namespace),
  );
  const selected = items(spec['targetSelectors']).flatMap((each) => {
    const { kind, matchLabels } = fields(each);
    const wanted = Object.entries(fields(matchLabels));
    return all
      .filter((other) => other.kind === kind && sameNamespace(other.namespace, manifest.namespace))
      .filter((other) => wanted.length > 0 && wanted.every(([key, value]) => labels(other)[key] === value))
      .map((other) => ({ kind: other.kind, name: other.name ?? '', namespace: other.namespace }));
  });
  return [...named, ...selected];
}

const labels = ({ value }: Manifest): Fields => fields(fields(value['metadata'])['labels']);

function reference(value: Fields, namespace: string | undefined): Reference[] {
  const [kind, name] = [text(value['kind']), text(value['name'])];
  return kind === undefined || name === undefined
    ? []
    : [{ kind, name, namespace: text(value['namespace']) ?? namespace }];
}

export function refersTo(references: readonly Reference[], { kind, name, namespace }: Manifest): boolean {
  return references.some(
    (each) => each.kind === kind && each.name === name && sameNamespace(each.namespace, namespace),
  );
}

/** The Gateways that a route is attached to. */
export function parents(route: Manifest): Reference[] {
  return items(fields(route.value['spec'])['parentRefs']).flatMap((each) =>
    reference({ kind: 'Gateway', ...fields(each) }, route.namespace),
  );
}

/** Every path that a route matches; a rule without one matches all. */
export function pathMatches(route: Manifest): PathMatch[] {
  return items(fields(route.value['spec'])['rules']).flatMap((rule, n) => {
    const matches = items(fields(rule)['matches']);
    const all: PathMatch = { route, at: ['spec', 'rules', n], type: 'PathPrefix', value: '/' };
    if (matches.length === 0) return [all];
    return matches.map((match, m) => {
      const path = fields(fields(match)['path']);
      const type = text(path['type']);
      return {
        ...all,
        at: ['spec', 'rules', n, 'matches', m, ...('path' in fields(match) ? ['path'] : [])],
        type: type === 'Exact' || type === 'RegularExpression' ? type : 'PathPrefix',
        value: text(path['value']) ?? '/',
      };
    });
  });
}

/** The match that serves a path, as the Gateway API orders them: exact first, then the longest prefix. */
export function serving(path: string, matches: readonly PathMatch[]): PathMatch | undefined {
  const exact = matches.find(({ type, value }) => type === 'Exact' && value === path);
  if (exact) return exact;
  const prefixes = matches.filter(({ type, value }) => type === 'PathPrefix' && isPrefix(value, path));
  return prefixes.toSorted((a, b) => b.value.length - a.value.length)[0];
}

function isPrefix(prefix: string, path: string): boolean {
  const whole = prefix.replace(/\/$/, '');
  return path === whole || path.startsWith(`${whole}/`);
}

/** Whether a route answers for a host; a route without hosts, or a relative target, means any. */
export function answersFor(route: Manifest, host: string | undefined): boolean {
  const hosts = items(fields(route.value['spec'])['hostnames']).map((each) => text(each));
  if (host === undefined || hosts.length === 0) return true;
  return hosts.some(
    (each) => each === undefined || each === host || (each.startsWith('*.') && host.endsWith(each.slice(1))),
  );
}

/** Whether a policy of its own takes the login away from a route: the most specific one holds, unless it is merged. */
export function isExempt(route: Manifest, policies: readonly Policy[], all: readonly Manifest[]): boolean {
  return policies.some(
    ({ manifest, oidc, spec }) =>
      oidc === undefined && spec['mergeType'] === undefined && refersTo(targets(manifest, all), route),
  );
}
