import type { Cluster, Manifest } from '#lab/cluster.ts';
import { NodeImages } from '#machine/images/containerd.ts';
import { inspectImage } from '#machine/images/image-store.ts';
import { NotReadyError } from '#support/errors.ts';

/** An image of the engine, and the name by which pods ask for it. */
export interface PodImage {
  reference: string;
  name: string;
}

/**
 * Brings images into the node of a cluster of ours, as far as it does not hold the same content under the same name. What runs
 * on another content of that name is taken away, so that whoever needs it deploys it anew.
 *
 * @returns the names that were brought
 * @throws NotReadyError when an image is not on this machine, or the import fails
 */
export async function bringImages(
  cluster: Cluster,
  images: readonly PodImage[],
  signal?: AbortSignal,
): Promise<string[]> {
  if (cluster.node === undefined) throw new Error(`cluster ${cluster.name} is not ours: no image can be brought`);
  const node = new NodeImages(cluster.node, { signal, log: `images-${cluster.node}` });
  const looked = await Promise.all(
    images.map(async (image) => ({ ...image, found: await lookFor(node, image, signal) })),
  );
  const missing = looked.filter(({ found }) => found !== 'same');
  if (missing.length === 0) return [];
  await node.import(missing.map(({ reference }) => reference));
  for (const { reference, name } of missing) {
    await node.rename(reference, name);
    await node.pin(name);
  }
  const replaced = missing.filter(({ found }) => found === 'other').map(({ name }) => name);
  if (replaced.length > 0) await endOutdated(cluster, replaced, signal);
  return missing.map(({ name }) => name);
}

async function lookFor(node: NodeImages, { reference, name }: PodImage, signal: AbortSignal | undefined) {
  const image = await inspectImage(reference, signal);
  if (!image) throw new NotReadyError(`image ${reference} is gone from this machine`, './meshwitness images list');
  return node.holds(name, image.id);
}

/** A pod template names an image in a container, or in an annotation for its proxy: either way as a whole value. */
async function endOutdated(cluster: Cluster, names: readonly string[], signal?: AbortSignal): Promise<void> {
  const all = await cluster.list<Deployment>('apps/v1', 'Deployment');
  const outdated = all.filter(({ spec }) => names.some((name) => JSON.stringify(spec.template).includes(`"${name}"`)));
  const header = ({ metadata: { name, namespace = 'default' } }: Deployment): Manifest => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
  });
  await cluster.remove(outdated.map(header), signal);
}

interface Deployment extends Manifest {
  spec: { template: unknown };
}
