import { apply, type JSONValue } from 'json-merge-patch';
import type { Manifest } from '#lab/cluster.ts';
import { UsageError } from '#support/errors.ts';
import { stepLabel } from '#verdict/steps.ts';

/**
 * Annotation of a document in a check's YAML that is a JSON merge patch (RFC 7386): its value names the step in which the
 * document of the same kind and name stands that it changes. What a variant of a long policy changes is then all that is read.
 */
export const patchAnnotation = 'meshwitness.dev/patches-step';

/**
 * Puts whole documents in the place of patches.
 *
 * @throws UsageError for a patch of a document that is not there
 */
export function withPatches(manifests: readonly Manifest[]): Manifest[] {
  return manifests.map((patch) => {
    const { [patchAnnotation]: step, ...annotations } = patch.metadata.annotations ?? {};
    if (step === undefined) return patch;
    const { kind, metadata } = patch;
    const base = manifests.find(
      (each) =>
        each !== patch &&
        each.kind === kind &&
        each.metadata.name === metadata.name &&
        each.metadata.labels?.[stepLabel] === step &&
        each.metadata.annotations?.[patchAnnotation] === undefined,
    );
    if (!base) throw new UsageError(`${kind} ${metadata.name} patches step ${step}, which has no such document`);
    const change = { ...patch, metadata: { ...metadata, annotations } };
    return apply(structuredClone(base) as unknown as JSONValue, change as unknown as JSONValue) as unknown as Manifest;
  });
}
