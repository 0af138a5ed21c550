import type { NodeNetwork } from '#lab/node-network.ts';
import { NotReadyError } from '#support/errors.ts';

/** A lab asks for a dozen addresses a cluster at most. */
export const addressesPerCluster = 16;

/**
 * The addresses that a cluster gives to its Services, out of the network of its node: other nodes find them there by ARP.
 * They lie in the upper half, which the engine reaches only after as many containers; which of them, the node's own
 * address tells, so that clusters that share a network never give the same.
 *
 * @returns first and last address
 * @throws NotReadyError when the network is too small for that node
 */
export function addressRange({ address, prefixLength }: NodeNetwork): { first: string; last: string } {
  const size = 2 ** (32 - prefixLength);
  const own = toNumber(address);
  const base = Math.floor(own / size) * size;
  const first = base + size / 2 + (own - base) * addressesPerCluster;
  const last = first + addressesPerCluster - 1;
  // The very last address is that of a broadcast.
  if (last >= base + size - 1)
    throw new NotReadyError(`the network of ${address}/${prefixLength} is too small to give addresses to Services`);
  return { first: toText(first), last: toText(last) };
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

function toText(address: number): string {
  return [24, 16, 8, 0].map((bits) => Math.floor(address / 2 ** bits) % 256).join('.');
}
