import { $ } from 'zx/core';
import type { ClusterSpec } from '#lab/topology.ts';

/**
 * Addresses of pods and Services that are no more, or not yet, are refused on the node. Without this they leave it by the
 * default route, and whatever answers out there is taken for the cluster's own.
 */
export async function contain(node: string, { podSubnet, serviceSubnet }: ClusterSpec): Promise<void> {
  const docker = $({ quiet: true });
  for (const subnet of [podSubnet, serviceSubnet])
    for (const chain of ['FORWARD', 'OUTPUT'])
      await docker`docker exec ${node} iptables --wait --insert ${chain} --out-interface eth0 --destination ${subnet} --jump REJECT`;
}
