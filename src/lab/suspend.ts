import { $ } from 'zx/core';
import type { Cluster } from '#lab/cluster.ts';

const docker = $({ quiet: true });

/**
 * Suspends the node of a cluster of ours with all that runs on it, as a laptop lid or a hypervisor does, and resumes it however
 * `act` ends.
 *
 * @param act what is to happen meanwhile; nothing on the node answers
 */
export async function whileSuspended<T>(cluster: Cluster, act: () => Promise<T>): Promise<T> {
  const node = nodeOf(cluster);
  await docker`docker pause ${node}`;
  try {
    return await act();
  } finally {
    await docker`docker unpause ${node}`;
  }
}

/**
 * Stops every process of a program in a cluster of ours, as an overloaded machine does, and lets them go on however `act` ends.
 * For moments only: a controller that was away for longer than its lease begins anew.
 *
 * @param program name of the executable: `envoy-gateway`
 */
export async function whileStopped<T>(cluster: Cluster, program: string, act: () => Promise<T>): Promise<T> {
  const node = nodeOf(cluster);
  await docker`docker exec ${node} pkill -STOP -x ${program}`;
  try {
    return await act();
  } finally {
    await docker`docker exec ${node} pkill -CONT -x ${program}`;
  }
}

function nodeOf({ node, name }: Cluster): string {
  if (node === undefined) throw new Error(`cluster ${name} is not ours: nothing on its node is suspended`);
  return node;
}
