import { posix } from 'node:path';
import type { Tree } from '#lint/read-tree.ts';
import { fields, items, text } from '#lint/shape.ts';

/** Files that a kustomization lays over others: they hold parts of objects, in which nothing can be missing. */
export function patchFiles({ sources }: Tree): Set<string> {
  const found = new Set<string>();
  for (const { file, value } of sources) {
    const { patches, patchesStrategicMerge, patchesJson6902 } = fields(value);
    if (!/^kustomization\.ya?ml$/i.test(posix.basename(file))) continue;
    const named = [...items(patches), ...items(patchesJson6902)].map((each) => fields(each)['path']);
    for (const each of [...named, ...items(patchesStrategicMerge)]) {
      const path = text(each);
      if (path !== undefined) found.add(posix.join(posix.dirname(file), path));
    }
  }
  return found;
}
