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

/** Parts that are being made. To dispose of it ends what is still under way. */
export interface PartsUnderWay extends AsyncDisposable {
  /**
   * Waits for some of the named parts, or for all.
   *
   * @returns each, by its name
   * @throws NotReadyError when any part can neither be pulled nor built, was tampered with, or the disk is full; all is at rest then
   */
  ready: (names?: readonly string[]) => Promise<Map<string, ReadyPart>>;
  /** Aborted as soon as one of them cannot be made. */
  signal: AbortSignal;
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
  await using making = await startParts(names, options);
  return await making.ready();
}

/**
 * As {@link ensureParts}, for who can use some of the parts while others are still made.
 *
 * @throws UsageError for an unknown part or a malformed versions.yaml
 */
export async function startParts(names: readonly string[], options: EnsureOptions = {}): Promise<PartsUnderWay> {
  const versions = await loadVersions();
  const parts = expandSets(versions, names);
  return underWay(parts, (signal) => new PartMaker(versions, parts, { ...options, signal }), options.signal);
}

/** Has a maker make parts. One that cannot be made ends what else is under way. */
export function underWay(
  parts: readonly string[],
  makerFor: (signal: AbortSignal) => PartMaker,
  outer?: AbortSignal,
): PartsUnderWay {
  const stop = new AbortController();
  const signal = outer ? AbortSignal.any([outer, stop.signal]) : stop.signal;
  const maker = makerFor(signal);
  const end = (reason?: unknown) => {
    stop.abort(reason);
    return maker.settled();
  };
  Promise.all(parts.map((part) => maker.ready(part))).catch(end);
  const ready = async (some: readonly string[] = parts) => {
    try {
      const made = await Promise.all(some.map((part) => maker.ready(part)));
      return new Map(made.map((part) => [part.part, part]));
    } catch (error) {
      await end(error);
      throw error;
    }
  };
  return { ready, signal, [Symbol.asyncDispose]: () => end() };
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
