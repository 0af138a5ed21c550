import { $ } from 'zx/core';
import type { Cluster } from '#lab/cluster.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';

const docker = $({ quiet: true, nothrow: true });

/**
 * Waits until Services lead to each of these pods from anywhere on the node: a pod is ready a second or more before kube-proxy
 * has written its rules, and until then a caller without a proxy of its own is refused. On clusters that we did not make, where
 * the node cannot be asked, it does not wait.
 *
 * @param addresses of pods that a Service with an address of its own selects
 * @throws NotReadyError naming the address without a rule
 */
export async function servicesLeadTo(
  { node }: Cluster,
  addresses: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  if (node === undefined || addresses.length === 0) return;
  const look = async (): Promise<Look<true>> => {
    const { exitCode, stdout, stderr } = await docker`docker exec ${node} iptables-save -t nat`;
    if (exitCode !== 0) return { seen: `the node's rules cannot be read: ${stderr.trim()}` };
    const missing = addresses.find((each) => !stdout.includes(` --to-destination ${each}:`));
    return missing === undefined ? { done: true } : { seen: `no rule leads to ${missing}` };
  };
  await until('Services to lead to every pod', look, {
    timeoutMs: timeouts.convergenceMs,
    ...(signal && { signal }),
  });
}
