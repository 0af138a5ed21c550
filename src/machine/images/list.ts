import { findParts } from '#machine/parts.ts';
import type { ReadyPart } from '#machine/ready-part.ts';
import { isImage, loadVersions, moduleOf, versionOf } from '#machine/versions.ts';

/** One part in `images list`: what it would be, and what it is on this machine. */
export interface ListedPart {
  part: string;
  kind: 'image' | 'files';
  /** That of the part on this machine, else the one it would be built from. */
  version: string;
  state: 'ready' | 'missing';
  origin?: 'pull' | 'build';
  /** Docker tag or folder. */
  where?: string;
  /** Module or package it is built from. */
  module?: string;
  /** Published image it is pulled from. */
  pull?: string;
  digest?: string;
  hash?: string;
  expectedSeconds: number;
}

/** Every part of kind/versions.yaml, and whether it is here. Nothing is pulled or built. */
export async function listParts(signal?: AbortSignal): Promise<ListedPart[]> {
  const versions = await loadVersions();
  const names = Object.keys(versions.parts);
  const ready = await findParts(names, { ...(signal && { signal }) });
  return Object.entries(versions.parts).map(([part, spec]) => {
    const module = moduleOf(versions, part);
    return {
      part,
      kind: isImage(spec) ? 'image' : 'files',
      version: versionOf(versions, part),
      ...(module !== undefined && { module }),
      ...(spec.pull && { pull: spec.pull.reference }),
      ...stateOf(ready.get(part)),
      expectedSeconds: spec.expectedSeconds,
    };
  });
}

function stateOf(ready: ReadyPart | undefined): Pick<ListedPart, 'state'> & Partial<ListedPart> {
  if (!ready) return { state: 'missing' };
  const { version, origin, hash, digest } = ready;
  const where = ready.reference ?? ready.path;
  return {
    state: 'ready',
    version,
    origin,
    hash,
    ...(where !== undefined && { where }),
    ...(digest !== undefined && { digest }),
  };
}
