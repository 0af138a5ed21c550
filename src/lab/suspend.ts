import { $ } from 'zx/core';
import type { Cluster } from '#lab/cluster.ts';

const docker = $({ quiet: true });

/**
 * Suspends the node of a cluster of ours with all that runs on it, as a laptop lid or a hypervisor does, and resumes it however
 * `act` ends.
 *
 * @param act what is to happen meanwhile; nothing on the node answers
 */
export async function whileSuspended<T>({ node, name }: Cluster, act: () => Promise<T>): Promise<T> {
  if (node === undefined) throw new Error(`cluster ${name} is not ours: its node is not suspended`);
  await docker`docker pause ${node}`;
  try {
    return await act();
  } finally {
    await docker`docker unpause ${node}`;
  }
}
