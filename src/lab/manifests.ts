import { parseAllDocuments } from 'yaml';
import type { Manifest } from '#lab/cluster.ts';
import { ownerLabel } from '#support/paths.ts';

/** The objects of a file or of what a tool printed; documents that hold only comments are none. */
export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

/** The same object with our label: the one by which what is ours is told. */
export function owned<M extends Manifest>(manifest: M): M {
  const { labels, ...metadata } = manifest.metadata;
  return { ...manifest, metadata: { ...metadata, labels: { ...labels, [ownerLabel]: 'meshwitness' } } };
}
