import { mkdir, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import pRetry, { AbortError } from 'p-retry';
import { $ } from 'zx/core';
import { kindName, networkName, nodeName, removeObjects } from '#lab/engine-objects.ts';
import { cniConfig, kindConfig, type NodeFacts } from '#lab/kind-config.ts';
import { kubeconfigOf, labFolder } from '#lab/record.ts';
import type { ClusterSpec } from '#lab/topology.ts';
import { askWhetherGone } from '#machine/docker.ts';
import { NotReadyError } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';

/** The node image that clusters are made from, and the tool that makes them. */
export interface KindParts {
  kindBinary: string;
  nodeImage: string;
  facts: NodeFacts;
}

/** kind looks for a free port of the loopback and then asks Docker for it: someone may be quicker. */
const portTaken = /port is already allocated|address already in use/i;

/**
 * Makes one cluster of a lab with kind, and its kubeconfig in the lab's folder. A loopback port that was taken at the
 * last moment is no failure: the next attempt gets another.
 *
 * @throws NotReadyError with kind's last words and the path of its whole log
 */
export async function createCluster(
  lab: string,
  cluster: ClusterSpec,
  parts: KindParts,
  signal?: AbortSignal,
): Promise<void> {
  const folder = resolve(labFolder(lab), cluster.name);
  await mkdir(folder, { recursive: true });
  const [cniFile, configFile] = [resolve(folder, 'cni.conflist'), resolve(folder, 'kind.yaml')];
  const name = kindName(lab, cluster.name);
  await writeFile(cniFile, cniConfig(cluster));
  await writeFile(configFile, kindConfig(cluster, name, parts.nodeImage, parts.facts, cniFile));
  const attempt = async (): Promise<void> => {
    const stderr = await runKind(lab, cluster.name, configFile, parts, signal);
    if (stderr === undefined) return;
    await writeFile(resolve(folder, 'kind.log'), stderr);
    const gone = await askWhetherGone(new Error(stderr));
    if (gone) throw new AbortError(gone);
    const last = stderr.split('\n').findLast((line) => /error|fail/i.test(line)) ?? stderr.slice(-200);
    const error = new NotReadyError(
      `cluster ${name} did not come up: ${last.trim()}`,
      `the whole log is in ${resolve(folder, 'kind.log')}`,
    );
    if (!portTaken.test(stderr)) throw new AbortError(error);
    await removeObjects([nodeName(lab, cluster.name)], []);
    throw error;
  };
  await pRetry(attempt, { retries: 2, minTimeout: 0, ...(signal && { signal }) });
}

/** @returns what kind complained of, undefined when it made the cluster */
async function runKind(
  lab: string,
  cluster: string,
  configFile: string,
  { kindBinary }: KindParts,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const kubeconfig = kubeconfigOf(lab, cluster);
  await rm(kubeconfig, { force: true });
  const env = {
    ...process.env,
    KIND_EXPERIMENTAL_DOCKER_NETWORK: networkName(lab),
    KIND_EXPERIMENTAL_PROVIDER: 'docker',
  };
  const run = $({ quiet: true, nothrow: true, env, timeout: timeouts.clusterReadyMs, ...(signal && { signal }) });
  const output = await run`${kindBinary} create cluster --config ${configFile} --kubeconfig ${kubeconfig} --retain`;
  signal?.throwIfAborted();
  return output.exitCode === 0 ? undefined : output.stderr;
}
