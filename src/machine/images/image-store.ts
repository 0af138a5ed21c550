import { z } from 'zod';
import { engineGone } from '#machine/docker.ts';
import { CommandError, run, type RunOptions } from '#machine/toolchain.ts';
import { ownerLabel } from '#support/paths.ts';

/** Labels that every image of ours carries. */
export const imageLabels = {
  owner: ownerLabel,
  part: 'meshwitness.dev/part',
  hash: 'meshwitness.dev/hash',
  origin: 'meshwitness.dev/origin',
  module: 'meshwitness.dev/module',
  version: 'meshwitness.dev/version',
  preloaded: 'meshwitness.dev/preloaded',
} as const;

const inspected = z.array(
  z.object({
    Id: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    RepoDigests: z.array(z.string()).nullish(),
    Size: z.number(),
    Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
  }),
);

export interface LocalImage {
  id: string;
  tags: string[];
  digests: string[];
  /** Bytes. */
  size: number;
  labels: Record<string, string>;
}

/**
 * Runs the Docker client and returns its output.
 *
 * @throws NotReadyError when the engine went away, CommandError for everything else
 */
export function docker(args: readonly string[], options: RunOptions = {}): Promise<string> {
  return withEngine(run('docker', args, options));
}

/** Tells an engine that went away from other failures of a command that uses it. */
export async function withEngine<T>(command: Promise<T>): Promise<T> {
  return command.catch((error: unknown) => {
    const gone = error instanceof CommandError ? engineGone(new Error(error.output, { cause: error })) : undefined;
    throw gone ?? error;
  });
}

/** The image of this reference on this machine, undefined when there is none. */
export async function inspectImage(reference: string, signal?: AbortSignal): Promise<LocalImage | undefined> {
  const output = await docker(['image', 'inspect', reference], { signal }).catch((error: unknown) => {
    signal?.throwIfAborted();
    if (/no such image/i.test(String((error as { output?: string }).output))) return '[]';
    throw error;
  });
  const [image] = inspected.parse(JSON.parse(output));
  return (
    image && {
      id: image.Id,
      tags: image.RepoTags ?? [],
      digests: image.RepoDigests ?? [],
      size: image.Size,
      labels: image.Config?.Labels ?? {},
    }
  );
}

/** The labels of one image of ours, as label to value. */
export function labelsFor(part: {
  part: string;
  hash: string;
  origin: 'pull' | 'build';
  module?: string | undefined;
  version: string;
}): Record<string, string> {
  return {
    [imageLabels.owner]: 'meshwitness',
    [imageLabels.part]: part.part,
    [imageLabels.hash]: part.hash,
    [imageLabels.origin]: part.origin,
    [imageLabels.version]: part.version,
    ...(part.module !== undefined && { [imageLabels.module]: part.module }),
  };
}

/** Labels as `--label` arguments of `docker build`. */
export function labelArguments(labels: Record<string, string>): string[] {
  return Object.entries(labels).flatMap(([label, value]) => ['--label', `${label}=${value}`]);
}

/** Labels as `--change` arguments of `docker import` and `docker commit`. */
export function labelChanges(labels: Record<string, string>): string[] {
  return Object.entries(labels).flatMap(([label, value]) => ['--change', `LABEL ${label}=${JSON.stringify(value)}`]);
}
