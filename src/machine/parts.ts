import { resolve } from 'node:path';
import { partFolder } from '#machine/cache.ts';
import type { LocalImages } from '#machine/parts-local.ts';
import { PartMaker } from '#machine/parts-make.ts';
import type { PartEvent, ReadyPart } from '#machine/ready-part.ts';
import { expandSets, loadVersions } from '#machine/versions.ts';

export interface EnsureOptions {
  /** Forces one source; without it: what is here, else pull, else build. */
  source?: 'pull' | 'build';
  /** Prefix that takes the place of each registry's host. Default: MESHWITNESS_MIRROR. */
  mirror?: string;
  signal?: AbortSignal;
  onProgress?: (event: PartEvent) => void;
  /** Makes the named parts again, whatever is here. */
  force?: boolean;
  /** The images of this machine, for callers that ask more than once. Default: listed anew. */
  images?: LocalImages;
}

/**
 * Makes sure that parts are on this machine: those that are here with the right content stay, the others are pulled,
 * and what cannot be pulled is built, in an order that keeps both cores busy. What an interrupted run finished is kept.
 *
 * @param names of parts or sets in kind/versions.yaml
 * @returns each of the named parts, by its name
 * @throws UsageError for an unknown part or a malformed versions.yaml
 * @throws NotReadyError when a part can neither be pulled nor built, was tampered with, or the disk is full
 */
export async function ensureParts(
  names: readonly string[],
  options: EnsureOptions = {},
): Promise<Map<string, ReadyPart>> {
  const versions = await loadVersions();
  const parts = expandSets(versions, names);
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const maker = new PartMaker(versions, parts, { ...options, signal });
  try {
    const ready = await Promise.all(parts.map((part) => maker.ready(part)));
    return new Map(ready.map((part) => [part.part, part]));
  } catch (error) {
    // One part cannot be made: what else is under way ends before we say so.
    stop.abort(error);
    await maker.settled();
    throw error;
  }
}

/**
 * The parts among these that can be used as they are, without pulling or building anything.
 *
 * @throws UsageError, NotReadyError as {@link ensureParts}
 */
export async function findParts(
  names: readonly string[],
  options: Pick<EnsureOptions, 'signal' | 'images'> = {},
): Promise<Map<string, ReadyPart>> {
  const versions = await loadVersions();
  const parts = expandSets(versions, names);
  const maker = new PartMaker(versions, parts, options);
  const found = await Promise.all(parts.map((part) => maker.find(part)));
  return new Map(found.filter((part) => part !== undefined).map((part) => [part.part, part]));
}

/** Path of one program of a part that is ready. */
export function toolPath(part: ReadyPart, binary: string): string {
  return resolve(part.path ?? partFolder(part.part, part.hash), binary);
}
