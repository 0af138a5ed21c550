import { $ } from 'zx/core';
import type { Cluster } from '#lab/cluster.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';

const docker = $({ quiet: true, nothrow: true });

/** What the node's rules must know before a caller without a proxy of its own gets through. */
export interface Led {
  /** Addresses of pods that a Service with an address of its own selects. */
  pods: readonly string[];
  /** Addresses outside of the cluster's own that a load balancer gave to such Services. */
  balanced?: readonly string[];
}

/**
 * Waits until Services lead to each of these pods, and from each of these addresses, from anywhere on the node: a pod is ready
 * a second or more before kube-proxy has written its rules, and until then a caller is refused. On clusters that we did not
 * make, where the node cannot be asked, it does not wait.
 *
 * @throws NotReadyError naming the address without a rule
 */
export async function servicesLeadTo(
  { node }: Cluster,
  { pods, balanced = [] }: Led,
  signal?: AbortSignal,
): Promise<void> {
  const rules = [
    ...pods.map((each) => ({ rule: ` --to-destination ${each}:`, without: `no rule leads to ${each}` })),
    ...balanced.map((each) => ({ rule: ` -d ${each}/`, without: `no rule leads on from ${each}` })),
  ];
  if (node === undefined || rules.length === 0) return;
  const look = async (): Promise<Look<true>> => {
    const { exitCode, stdout, stderr } = await docker`docker exec ${node} iptables-save -t nat`;
    if (exitCode !== 0) return { seen: `the node's rules cannot be read: ${stderr.trim()}` };
    const missing = rules.find(({ rule }) => !stdout.includes(rule));
    return missing === undefined ? { done: true } : { seen: missing.without };
  };
  await until('Services to lead to every pod', look, {
    timeoutMs: timeouts.convergenceMs,
    ...(signal && { signal }),
  });
}
