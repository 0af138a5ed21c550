/** A part that can be used: files in a folder, or an image on this machine. */
export interface ReadyPart {
  part: string;
  /** Module or package version when built, the published one when pulled. */
  version: string;
  origin: 'pull' | 'build';
  hash: string;
  /** Docker tag, for images. */
  reference?: string;
  /** Folder of its files, for the others. */
  path?: string;
  module?: string;
  /** Digest of the published image, for pulled ones. */
  digest?: string;
  buildMs?: number;
  /** Names under which a node finds the image once it is preloaded. */
  names?: string[];
  /** For node images: names of all images in its containerd. */
  preloaded?: string[];
}

/** What happens to a part, for progress. */
export interface PartEvent {
  part: string;
  /** Waiting: one step of it is done, and nothing is done for it now. */
  state: 'planned' | 'working' | 'waiting' | 'ready' | 'note';
  /** What is being done, or the line to show. */
  detail?: string;
  /** How long it is expected to take, in milliseconds. */
  expectedMs?: number;
  /** How long it took, in milliseconds. */
  tookMs?: number;
}

/** Tag by which kubeadm must ask for one of the images a node holds, such as `etcd` or `coredns`. */
export function tagInNode(node: ReadyPart, image: string): string | undefined {
  const name = node.preloaded?.find((each) => each.slice(0, each.lastIndexOf(':')).endsWith(`/${image}`));
  return name?.slice(name.lastIndexOf(':') + 1);
}

/** Hub and tag, as istioctl takes them, of an image that a node holds. */
export function hubAndTag(image: ReadyPart): { hub: string; tag: string } | undefined {
  const name = image.names?.[0];
  if (name === undefined) return undefined;
  return { hub: name.slice(0, name.lastIndexOf('/')), tag: name.slice(name.lastIndexOf(':') + 1) };
}
