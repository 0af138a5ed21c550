import { chmod } from 'node:fs/promises';
import { resolve } from 'node:path';
import { docker, inspectImage, labelArguments } from '#machine/images/image-store.ts';
import { pullReference, type Puller } from '#machine/registry.ts';
import type { PullSpec } from '#machine/versions.ts';
import { ownerLabel } from '#support/paths.ts';

export interface PullRequest {
  spec: PullSpec;
  mirror: string | undefined;
  puller: Puller;
  signal: AbortSignal | undefined;
}

/**
 * Pulls a published image and gives it our tag and labels. Its layers stay as they were published.
 *
 * @returns the digest that was pulled
 */
export async function pullImage(
  request: PullRequest,
  reference: string,
  labels: Record<string, string>,
): Promise<string | undefined> {
  const { from, digest } = await fetchImage(request);
  await docker(['build', ...labelArguments(labels), '--tag', reference, '-'], {
    signal: request.signal,
    input: `FROM ${from}\n`,
  });
  return digest;
}

/** Pulls a published image and takes single files out of it. */
export async function pullFiles(request: PullRequest, out: string): Promise<string | undefined> {
  const { signal, spec } = request;
  const { from, digest } = await fetchImage(request);
  const create = ['create', '--label', `${ownerLabel}=meshwitness`, from, 'none'];
  const container = (await docker(create, { signal })).trim();
  try {
    for (const { from: path, to } of spec.files ?? []) {
      await docker(['cp', `${container}:/${path}`, resolve(out, to)], { signal });
      await chmod(resolve(out, to), 0o755);
    }
  } finally {
    await docker(['rm', '--force', container]).catch(() => undefined);
  }
  return digest;
}

async function fetchImage({
  spec,
  mirror,
  puller,
  signal,
}: PullRequest): Promise<{ from: string; digest: string | undefined }> {
  const { full } = pullReference(spec.reference, spec.digest, mirror);
  await puller.pull(pullReference(spec.reference, spec.digest, mirror), signal);
  const image = await inspectImage(full, signal);
  const digest = spec.digest ?? image?.digests[0]?.split('@')[1];
  return { from: full, digest };
}
