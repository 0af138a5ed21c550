import { apply } from 'json-merge-patch';
import type { Manifest } from '#lab/cluster.ts';
import { UsageError } from '#support/errors.ts';
import { stepLabel, twinLabel } from '#verdict/steps.ts';

/**
 * Annotation of a document in a check's YAML that is a JSON merge patch (RFC 7386): its value names the step in which the
 * document of the same kind and name stands that it changes. What a variant of a long policy changes is then all that is read.
 */
export const patchAnnotation = 'meshwitness.dev/patches-step';

/**
 * Makes whole documents of patches, in their order. One for the very step that it patches takes the place of what it patches,
 * unless a twin alone applies it; any other stands beside.
 *
 * @throws UsageError for a patch of a document that does not come before it
 */
export function withPatches(manifests: readonly Manifest[]): Manifest[] {
  const whole: Manifest[] = [];
  for (const each of manifests) {
    const { [patchAnnotation]: step, ...annotations } = each.metadata.annotations ?? {};
    if (step === undefined) {
      whole.push(each);
      continue;
    }
    const { kind, metadata } = each;
    const at = whole.findIndex(
      (base) => base.kind === kind && base.metadata.name === metadata.name && isOf(step, base),
    );
    const base = whole[at];
    if (!base)
      throw new UsageError(`${kind} ${metadata.name} patches step ${step}, which has no such document before it`);
    const patched = merged(base, { ...each, metadata: { ...metadata, annotations } });
    if (isOf(step, each)) whole[at] = patched;
    else whole.push(patched);
  }
  return whole;
}

const isOf = (step: string, { metadata: { labels } }: Manifest): boolean =>
  labels?.[stepLabel] === step && labels[twinLabel] === undefined;

/** The document with a JSON merge patch (RFC 7386) applied to it. */
export const merged = (base: Manifest, change: object): Manifest => apply(structuredClone(base), change) as Manifest;
