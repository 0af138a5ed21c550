import type { Manifest } from '#lab/cluster.ts';
import { owned } from '#lab/manifests.ts';
import type { Stage } from '#verdict/stage.ts';
import type { Repository } from './repository.ts';
import { lost } from './secrets.ts';

const [name, entry] = ['sops-age', 'age.agekey'];

/**
 * What Flux does with an encrypted repository: takes the age key from its Secret in the cluster, decrypts every file with that,
 * and applies what comes out. The Secret stands in a namespace of the scene: flux-system may be somebody's.
 */
export async function reconcile(stage: Stage, repository: Repository): Promise<void> {
  const { cluster } = stage.scene;
  const namespace = stage.names['namespace'] ?? '';
  const stringData = { [entry]: repository.key };
  const secret = owned({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData } as Manifest);
  try {
    await cluster.apply([secret], stage.signal);
    const kept = await cluster.read<Manifest & { data?: Record<string, string> }>('v1', 'Secret', name, namespace);
    const key = Buffer.from(kept?.data?.[entry] ?? '', 'base64').toString();
    const files = [...repository.documents.keys()];
    await stage.applyObjects(await Promise.all(files.map((file) => repository.decrypted(file, key))));
  } finally {
    await cluster.remove([secret]);
  }
}

type Policy = Manifest & { spec?: object };

/** Whether the API server has the policy among these documents, and what of its spec it does not keep as it was written. */
export async function policyKept(stage: Stage, documents: readonly Policy[]) {
  const written = documents.find(({ kind }) => kind === 'SecurityPolicy');
  const namespace = stage.names['namespace'] ?? '';
  const all: Policy[] = await stage.objects('gateway.envoyproxy.io/v1alpha1', 'SecurityPolicy', namespace);
  const kept = all.find(({ metadata }) => metadata.name === written?.metadata.name);
  return { exists: kept?.spec !== undefined, lost: lost(written?.spec, kept?.spec, 'spec') };
}
