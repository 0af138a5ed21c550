import { upKind } from '#lab/kind.ts';
import type { Lab, LabRequest } from '#lab/lab.ts';
import { checkLabName } from '#lab/record.ts';
import { readTopology } from '#lab/topology.ts';
import { ensureParts, toolPath } from '#machine/parts.ts';
import { tagInNode, type PartEvent } from '#machine/ready-part.ts';
import { NotReadyError } from '#support/errors.ts';

export interface UpRequest extends LabRequest {
  /** Node image of kind/versions.yaml that the clusters are made from: it says which products are preloaded. */
  nodeImagePart?: string;
  /** Progress of the parts that have to be made first. */
  onProgress?: (event: PartEvent) => void;
}

/** Preloads the current Istio and what the smoke checks deploy. */
export const usualNodeImage = 'node-smoke';

/**
 * A lab of kind clusters that stands and answers. Makes kind and the node image first, where they are missing; reuses
 * the clusters that stand under this name when they were made from the same things.
 *
 * @throws UsageError for a bad name or topology, or when a container that is not ours has a name we need
 * @throws NotReadyError when a part cannot be made or a cluster does not come up in time
 */
export async function upLab(request: UpRequest): Promise<Lab> {
  const { nodeImagePart = usualNodeImage, onProgress, signal } = request;
  checkLabName(request.name);
  const topology = await readTopology(request.topology);
  const parts = await ensureParts(['kind', nodeImagePart], {
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  });
  const [kind, node] = [parts.get('kind'), parts.get(nodeImagePart)];
  if (kind === undefined || node?.reference === undefined)
    throw new NotReadyError(`${nodeImagePart} is no node image`, './meshwitness images list');
  const etcdTag = tagInNode(node, 'etcd');
  const corednsTag = tagInNode(node, 'coredns');
  return upKind(request, topology, {
    kindBinary: toolPath(kind, 'kind'),
    nodeImage: node.reference,
    facts: { ...(etcdTag !== undefined && { etcdTag }), ...(corednsTag !== undefined && { corednsTag }) },
  });
}
