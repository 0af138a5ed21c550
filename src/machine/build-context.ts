import type { Slots } from '#machine/build-slots.ts';
import type { ReadyPart } from '#machine/ready-part.ts';
import type { PartSpec } from '#machine/versions.ts';

/** What a builder gets: one part, where to work, and what it is made from. */
export interface BuildContext<S extends PartSpec = PartSpec> {
  part: string;
  spec: S;
  version: string;
  module: string | undefined;
  hash: string;
  /** Tag to give, for images. */
  reference: string;
  /** Labels to give, for images. */
  labels: Record<string, string>;
  /** Folder to work in, emptied before. */
  work: string;
  /** Folder whose content is kept. */
  out: string;
  /** Folder of the recipe under kind/images. */
  recipe: string;
  /** The parts it is made from, by their alias. */
  inputs: Map<string, ReadyPart>;
  /** Waits for a free slot of this kind, says what is being done, does it, and counts its time. */
  inSlot: <T>(slot: keyof Slots, doing: string, work: () => Promise<T>) => Promise<T>;
  signal: AbortSignal | undefined;
  say: (line: string) => void;
}

/** What a builder found out besides the files it wrote. */
export interface BuildResult {
  /** Names of images that a node holds now. */
  preloaded?: string[];
}

export type Builder<S extends PartSpec> = (context: BuildContext<S>) => Promise<BuildResult | void>;

/** Fills `{version}` and `{arch}` in. */
export function fill(text: string, version: string): string {
  return text.replaceAll('{version}', version).replaceAll('{arch}', process.arch);
}

/** @throws Error when the recipe names an input that the part does not have: a mistake in versions.yaml */
export function input(context: BuildContext, alias: string): ReadyPart {
  const ready = context.inputs.get(alias);
  if (!ready) throw new Error(`part ${context.part} has no input ${alias}`);
  return ready;
}
