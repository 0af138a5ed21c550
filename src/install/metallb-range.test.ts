import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressesPerCluster, addressRange } from '#install/metallb-range.ts';
import { overlaps } from '#lab/topology.ts';

/** A network, and a node in it whose number is small enough for its size. */
const node = fc
  .record({ prefixLength: fc.integer({ min: 16, max: 24 }), octets: fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)) })
  .chain(({ prefixLength, octets }) => {
    const size = 2 ** (32 - prefixLength);
    const base = Math.floor(number([...octets, 0].join('.')) / size) * size;
    return fc.integer({ min: 2, max: size / 32 - 2 }).map((own) => ({ base, size, own, prefixLength }));
  });

const number = (address: string) => address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
const text = (address: number) => [24, 16, 8, 0].map((bits) => Math.floor(address / 2 ** bits) % 256).join('.');
const rangeOf = (base: number, own: number, prefixLength: number) => {
  const { first, last } = addressRange({ address: text(base + own), prefixLength });
  return { first: number(first), last: number(last) };
};

describe('the addresses that a cluster gives to its Services', () => {
  it.each([
    ['172.18.0.2', 16, '172.18.128.32', '172.18.128.47'],
    ['172.18.0.3', 16, '172.18.128.48', '172.18.128.63'],
    ['192.168.16.2', 20, '192.168.24.32', '192.168.24.47'],
    ['10.0.7.4', 24, '10.0.7.192', '10.0.7.207'],
  ])('of the node %s/%i are %s to %s', (address, prefixLength, first, last) => {
    expect(addressRange({ address, prefixLength })).toEqual({ first, last });
  });

  it('lie in the upper half of the network of its node, and are none that stands for all', () => {
    fc.assert(
      fc.property(node, ({ base, size, own, prefixLength }) => {
        const { first, last } = rangeOf(base, own, prefixLength);
        expect(last - first + 1).toBe(addressesPerCluster);
        expect(first).toBeGreaterThanOrEqual(base + size / 2);
        expect(last).toBeLessThan(base + size - 1);
        expect(overlaps(`${text(first)}/32`, `${text(base)}/${prefixLength}`)).toBe(true);
      }),
    );
  });

  it('are never those of another cluster of the same network', () => {
    fc.assert(
      fc.property(node, fc.nat(), ({ base, size, own, prefixLength }, any) => {
        const other = 2 + (any % (size / 32 - 3));
        fc.pre(other !== own);
        const [one, two] = [rangeOf(base, own, prefixLength), rangeOf(base, other, prefixLength)];
        expect(one.last < two.first || two.last < one.first).toBe(true);
      }),
    );
  });

  it('are refused to a node for which there are none left', () => {
    expect(() => addressRange({ address: '10.0.7.200', prefixLength: 24 })).toThrow(/too small/);
  });
});
