import type { Finding } from '#lint/finding.ts';
import { findingAt, type Manifest } from '#lint/manifest.ts';
import type { Tree } from '#lint/read-tree.ts';
import { holdsVariable, type Fields } from '#lint/shape.ts';

/** Asks a cluster what it would say to an object, without keeping it. @returns its refusal, undefined when it would take it */
export type DryRun = (object: Fields) => Promise<string | undefined>;

/** What a cluster refuses of a tree. What kustomize has to complete, and what is encrypted, is not sent. */
export async function askServer(tree: Tree, patches: ReadonlySet<string>, dryRun: DryRun): Promise<Finding[]> {
  const sent = tree.manifests.filter((manifest) => canBeSent(manifest) && !patches.has(manifest.source.file));
  const answers = await Promise.all(
    sent.map(async (manifest): Promise<Finding[]> => {
      const refusal = await dryRun(manifest.value);
      return refusal === undefined || awaits(tree, refusal) ? [] : [refused(manifest, refusal)];
    }),
  );
  return answers.flat();
}

function canBeSent({ encrypted, name, group, value }: Manifest): boolean {
  if (encrypted || name === undefined || group === 'kustomize.config.k8s.io') return false;
  return !holdsVariable(value);
}

/** A namespace or a definition that the tree itself brings is not there yet, and that is no fault of the object. */
function awaits({ manifests }: Tree, refusal: string): boolean {
  const [, namespace] = /namespaces "([^"]+)" not found/.exec(refusal) ?? [];
  return namespace !== undefined && manifests.some(({ kind, name }) => kind === 'Namespace' && name === namespace);
}

/** The API server names fields as `spec.rules[0].name: Invalid value`; the first of them is where the finding stands. */
function refused(manifest: Manifest, refusal: string): Finding {
  const [, field = ''] = /(?:^|[\s[:(.])((?:spec|metadata|data|stringData)(?:[.[][\w.[\]-]*)?):/.exec(refusal) ?? [];
  const path = [...field.matchAll(/\[(\d+)\]|([\w-]+)/g)].map(([, index, key = '']) =>
    index === undefined ? key : Number(index),
  );
  return findingAt(manifest, path, {
    rule: 'server',
    severity: 'error',
    why: refusal.split('\n', 1)[0] ?? refusal,
    fix: 'mend what the server names; the same answer: kubectl apply --server-side --dry-run=server -f FILE',
  });
}
