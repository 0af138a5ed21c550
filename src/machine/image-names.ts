import { fill } from '#machine/build-context.ts';
import { specOf, versionOf, type Versions } from '#machine/versions.ts';
import { UsageError } from '#support/errors.ts';

/**
 * The name by which pods of our own clusters ask for the image of a part: `meshwitness.local/k6:v1.8.1`. It is the same
 * whether the image was pulled or built; which of the two is told by the record of the run.
 *
 * @throws UsageError for an unknown part, or one that is no image or has no name
 */
export function nameInNodes(versions: Versions, part: string): string {
  const spec = specOf(versions, part);
  const [name] = spec.build === 'image' ? spec.names : [];
  if (name !== undefined) return fill(name, versionOf(versions, part));
  throw new UsageError(`part ${part} is no image that a pod can ask for`, './meshwitness images list');
}

/** The name by which any cluster can pull the image of a part; undefined when it is published nowhere. */
export function publishedName(versions: Versions, part: string): string | undefined {
  const { pull } = specOf(versions, part);
  if (!pull) return undefined;
  return pull.digest === undefined ? pull.reference : `${pull.reference}@${pull.digest}`;
}
