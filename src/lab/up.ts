import type { KindParts } from '#lab/kind-create.ts';
import { upKind } from '#lab/kind.ts';
import type { Lab, LabRequest } from '#lab/lab.ts';
import { checkLabName } from '#lab/record.ts';
import { readTopology } from '#lab/topology.ts';
import { ensureParts, toolPath } from '#machine/parts.ts';
import { tagInNode, type PartEvent, type ReadyPart } from '#machine/ready-part.ts';
import { NotReadyError } from '#support/errors.ts';

export interface UpRequest extends LabRequest {
  /** Node image of kind/versions.yaml that the clusters are made from: it says which products are preloaded. */
  nodeImagePart?: string;
  /** kind and that node image, where the caller has made sure of them already. */
  parts?: ReadonlyMap<string, ReadyPart>;
  /** Progress of the parts that have to be made first. */
  onProgress?: (event: PartEvent) => void;
}

/** Preloads the current Istio and what the smoke checks deploy. */
const usualNodeImage = 'node-smoke';

/**
 * A lab of kind clusters that stands and answers. Makes kind and the node image first, where they are missing; reuses
 * the clusters that stand under this name when they were made from the same things.
 *
 * @throws UsageError for a bad name or topology, or when a container that is not ours has a name we need
 * @throws NotReadyError when a part cannot be made or a cluster does not come up in time
 */
export async function upLab(request: UpRequest): Promise<Lab> {
  checkLabName(request.name);
  const topology = await readTopology(request.topology);
  return upKind(request, topology, await kindParts(request));
}

/** kind and a node image, made first where they are missing, and what the image says of itself. */
export async function kindParts({
  nodeImagePart = usualNodeImage,
  parts: given,
  onProgress,
  signal,
}: Pick<UpRequest, 'nodeImagePart' | 'parts' | 'onProgress' | 'signal'>): Promise<KindParts> {
  const options = { ...(onProgress && { onProgress }), ...(signal && { signal }) };
  const parts = given ?? (await ensureParts(['kind', nodeImagePart], options));
  const [kind, node] = [parts.get('kind'), parts.get(nodeImagePart)];
  if (kind === undefined || node?.reference === undefined)
    throw new NotReadyError(`${nodeImagePart} is no node image`, './meshwitness images list');
  const etcdTag = tagInNode(node, 'etcd');
  const corednsTag = tagInNode(node, 'coredns');
  return {
    kindBinary: toolPath(kind, 'kind'),
    nodeImage: node.reference,
    facts: { ...(etcdTag !== undefined && { etcdTag }), ...(corednsTag !== undefined && { corednsTag }) },
  };
}
