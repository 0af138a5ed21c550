import type { Finding } from '#lint/finding.ts';
import { findingAt, sameNamespace, type Manifest } from '#lint/manifest.ts';
import { policiesOf, type Policy } from '#lint/policy.ts';
import type { Rule } from '#lint/rule.ts';
import { fields, isFields, text } from '#lint/shape.ts';

/** Which key the controller reads of the Secret that a field refers to. */
const keys = { clientSecret: 'client-secret', clientIDRef: 'client-id' } as const;

/** OA-D4: the policy is accepted, cannot be translated, and every request gets 500. Keys are readable in encrypted files too. */
export const secretKeys: Rule = {
  id: 'OA-D4',
  title: 'the Secret of an OIDC client without the key that is read of it',
  check: ({ tree }) => {
    const secrets = tree.manifests.filter(({ kind, apiVersion }) => kind === 'Secret' && apiVersion === 'v1');
    const found = policiesOf(tree.manifests).flatMap((policy) => missingKeys(policy, secrets));
    // Two policies may share a Secret, and one word about it is enough.
    return [...new Map(found.map((each) => [`${each.file}:${each.line}:${each.path}:${each.why}`, each])).values()];
  },
};

function missingKeys({ manifest, oidc }: Policy, secrets: readonly Manifest[]): Finding[] {
  return Object.entries(keys).flatMap(([field, key]) => {
    const reference = fields(oidc?.[field]);
    const name = text(reference['name']);
    if (name === undefined) return [];
    const namespace = text(reference['namespace']) ?? manifest.namespace;
    return secrets
      .filter((each) => each.name === name && sameNamespace(each.namespace, namespace))
      .flatMap((secret) => {
        const held = ['data', 'stringData'].filter((each) => isFields(secret.value[each]));
        const there = held.flatMap((each) => Object.keys(fields(secret.value[each])));
        if (there.includes(key)) return [];
        return findingAt(secret, held.slice(0, 1), {
          rule: 'OA-D4',
          severity: 'error',
          why: `the key ${key} is missing, which oidc.${field} of SecurityPolicy ${manifest.name ?? ''} reads; there is ${there.join(', ') || 'none'}: every request gets 500`,
          fix: `call it ${key}`,
        });
      });
  });
}
