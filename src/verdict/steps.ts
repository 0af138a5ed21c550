import type { Manifest } from '#lab/cluster.ts';
import { UsageError } from '#support/errors.ts';
import { nearest } from '#support/nearest.ts';

/** Label of a document in a check's YAML: the step that applies it. */
export const stepLabel = 'meshwitness.dev/step';
/** Label of a document that only this twin applies, in the place of the one of the same kind and name. */
export const twinLabel = 'meshwitness.dev/twin';

/**
 * The documents that one step of a check applies, with the twin's in the place of the check's own.
 *
 * @throws UsageError for a step that no document names
 */
export function documentsOf(step: string, manifests: readonly Manifest[], twin?: string): Manifest[] {
  const ofStep = manifests.filter(({ metadata }) => metadata.labels?.[stepLabel] === step);
  if (ofStep.length === 0) {
    const known = [...new Set(manifests.map(({ metadata }) => metadata.labels?.[stepLabel] ?? ''))];
    throw new UsageError(`no document has the label ${stepLabel}: ${step}`, nearest(step, known, 'did you mean'));
  }
  const ofTwin = ofStep.filter(({ metadata }) => twin !== undefined && metadata.labels?.[twinLabel] === twin);
  const replaced = new Set(ofTwin.map(keyOf));
  const own = ofStep.filter((each) => each.metadata.labels?.[twinLabel] === undefined && !replaced.has(keyOf(each)));
  return [...own, ...ofTwin];
}

/** Fills in what is only known once a scene stands: `${address:edge}` is the address of that workload's pod. */
export function withAddresses(manifests: readonly Manifest[], addressOf: (workload: string) => string): Manifest[] {
  return manifests.map((each) => {
    const text = JSON.stringify(each);
    if (!text.includes('${address:')) return each;
    return JSON.parse(text.replaceAll(/\$\{address:([\w-]+)\}/g, (_, name: string) => addressOf(name))) as Manifest;
  });
}

const keyOf = ({ kind, metadata }: Manifest): string => `${kind}/${metadata.namespace}/${metadata.name}`;
