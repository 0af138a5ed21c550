import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { $ } from 'zx/core';
import { kept } from '#install/kept-manifests.ts';
import type { Manifest } from '#lab/cluster.ts';
import { parseManifests } from '#lab/manifests.ts';
import { NotReadyError } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';

export const istioChannels = ['current', 'older'] as const;
/** Which of the two Istio versions of `kind/versions.yaml`; also the name of its revision in a cluster. */
export type IstioChannel = (typeof istioChannels)[number];

/** The parts of one Istio version, ready on this machine and preloaded in the node. */
export interface IstioParts {
  channel: IstioChannel;
  istioctl: string;
  hub: string;
  tag: string;
  /** True when the proxy is upstream Envoy, without Istio's own filters. */
  upstreamEnvoy: boolean;
}

/** What istioctl makes of our values for one version. */
export interface IstioManifests {
  channel: IstioChannel;
  /** Changes with the version and with the values. */
  hash: string;
  /** Definitions and roles that all revisions in a cluster share. */
  base: Manifest[];
  revision: Manifest[];
}

/** Where Istio's control plane stands. */
export const istioNamespace = 'istio-system';
/** Raised when the cached form changes. */
const form = 1;

/**
 * Asks istioctl for the manifests of one version. It needs no cluster, so it can be done while one comes up; the answer
 * is kept, as istioctl and reading its 19,000 lines take over a second.
 *
 * @throws NotReadyError with istioctl's own words
 */
export async function istioManifests(parts: IstioParts, signal?: AbortSignal): Promise<IstioManifests> {
  const files = valueFiles(parts);
  const hash = await hashOf(files, parts);
  // What belongs to a revision has it in its name.
  const isBase = ({ kind, metadata }: Manifest) =>
    kind === 'CustomResourceDefinition' || !metadata.name.includes(`-${parts.channel}`);
  return kept(`istio-${parts.channel}-${hash}`, async () => {
    const all = await generate(parts, files, signal);
    return {
      channel: parts.channel,
      hash,
      base: all.filter(isBase),
      revision: all.filter((manifest) => !isBase(manifest)),
    };
  });
}

async function generate(
  { channel, istioctl, hub, tag }: IstioParts,
  files: string[],
  signal?: AbortSignal,
): Promise<Manifest[]> {
  const flags = files.flatMap((file) => ['--filename', file]);
  flags.push('--set', `hub=${hub}`, '--set', `tag=${tag}`, '--revision', channel);
  const run = $({ quiet: true, nothrow: true, timeout: timeouts.requestMs, ...(signal && { signal }) });
  const { exitCode, stdout, stderr } = await run`${istioctl} manifest generate ${flags}`;
  signal?.throwIfAborted();
  if (exitCode !== 0)
    throw new NotReadyError(`istioctl made nothing of Istio ${channel}: ${stderr.trim().split('\n').at(-1)}`);
  return parseManifests(stdout);
}

const values = (name: string): string => resolve(import.meta.dirname, `${name}.yaml`);

function valueFiles({ channel, upstreamEnvoy }: IstioParts): string[] {
  const files = [values('istio-values')];
  if (channel === 'current') files.push(values('istio-values-current'));
  if (upstreamEnvoy) files.push(values('istio-values-upstream-envoy'));
  return files;
}

async function hashOf(files: string[], { istioctl, hub, tag }: IstioParts): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([form, istioctl, hub, tag]));
  for (const file of files) hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 16);
}
