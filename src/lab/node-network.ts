import { $ } from 'zx/core';
import { NotReadyError } from '#support/errors.ts';

/** Where a node stands in the network that the nodes of its lab share. */
export interface NodeNetwork {
  /** IPv4 address of the node. */
  address: string;
  /** Length of the network's prefix, in bits. */
  prefixLength: number;
}

/**
 * Asks the engine for a node's address and the size of its network.
 *
 * @param node container name
 * @throws NotReadyError when the node is gone, or in no network or several
 */
export async function nodeNetwork(node: string, signal?: AbortSignal): Promise<NodeNetwork> {
  const run = $({ quiet: true, nothrow: true, ...(signal && { signal }) });
  const { exitCode, stdout, stderr } =
    await run`docker inspect --format ${'{{json .NetworkSettings.Networks}}'} ${node}`;
  signal?.throwIfAborted();
  if (exitCode !== 0) throw new NotReadyError(`node ${node} cannot be inspected: ${stderr.trim()}`);
  const [found, ...others] = Object.values(JSON.parse(stdout) as Record<string, Endpoint>);
  if (!found?.IPAddress || others.length > 0) throw new NotReadyError(`node ${node} is not in exactly one network`);
  return { address: found.IPAddress, prefixLength: found.IPPrefixLen };
}

/** As the engine says it. */
interface Endpoint {
  IPAddress: string;
  IPPrefixLen: number;
}
