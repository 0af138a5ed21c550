import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { overlaps, readTopology, topologyNames } from '#lab/topology.ts';
import { UsageError } from '#support/errors.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'topologies-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What reading a topology of this text says, without the path before the file's name. */
async function complaint(text: string): Promise<string> {
  await writeFile(join(folder, 'odd.yaml'), text);
  const error = await readTopology('odd', folder).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UsageError);
  return (error as UsageError).message.replace(/^.*odd\.yaml/, 'odd.yaml');
}

const cluster = (name: string, podSubnet: string, serviceSubnet: string) =>
  `  - name: ${name}\n    podSubnet: ${podSubnet}\n    serviceSubnet: ${serviceSubnet}\n`;
const head = 'schema: 1\ndescription: odd\nclusters:\n';

describe('the topologies that come along', () => {
  it('are read, each with its clusters', async () => {
    expect(await topologyNames()).toEqual(['solo', 'trio']);
    expect((await readTopology('solo')).clusters).toHaveLength(1);
    const { clusters } = await readTopology('trio');
    expect(clusters.map(({ name }) => name)).toEqual(['platform-config', 'authn', 'media-core']);
  });

  it('an unknown one is answered with those there are, and the nearest', async () => {
    await expect(readTopology('trip')).rejects.toMatchObject({
      exitCode: 2,
      message: 'no topology is called "trip": there are solo, trio',
      hint: 'did you mean trio?',
    });
  });
});

describe('a malformed topology is told with file, line and what was expected', () => {
  it.each([
    ['no YAML', 'schema: 1\nclusters: [', /^odd\.yaml:2:\d+: /],
    ['another schema', `schema: 2\ndescription: x\nclusters: []\n`, /^odd\.yaml:1:9: schema: expected schema: 1$/],
    [
      'no cluster',
      'schema: 1\ndescription: x\nclusters: []\n',
      /^odd\.yaml:3:11: clusters: expected at least one cluster$/,
    ],
    [
      'a name that is no DNS label',
      head + cluster('Main', '10.1.0.0/16', '10.2.0.0/16'),
      /^odd\.yaml:4:11: clusters\.0\.name: expected a DNS label/,
    ],
    [
      'a subnet that is none',
      head + cluster('main', '10.1.0.0', '10.2.0.0/16'),
      /^odd\.yaml:5:16: clusters\.0\.podSubnet: expected an IPv4 subnet such as/,
    ],
    [
      'subnets that overlap',
      head + cluster('a', '10.1.0.0/16', '10.2.0.0/16') + cluster('b', '10.3.0.0/16', '10.1.128.0/20'),
      /^odd\.yaml:9:20: clusters\.1\.serviceSubnet: 10\.1\.128\.0\/20 overlaps 10\.1\.0\.0\/16$/,
    ],
    [
      'a name that is there twice',
      head + cluster('a', '10.1.0.0/16', '10.2.0.0/16') + cluster('a', '10.3.0.0/16', '10.4.0.0/16'),
      /^odd\.yaml:7:11: clusters\.1\.name: cluster a is named twice$/,
    ],
    ['a key too many', `${head}${cluster('a', '10.1.0.0/16', '10.2.0.0/16')}nodes: 3\n`, /^odd\.yaml:1:1: .*nodes/],
  ])('%s', async (_, text, expected) => {
    expect(await complaint(text)).toMatch(expected);
  });
});

describe('overlapping subnets', () => {
  const address = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
  const bits = fc.integer({ min: 1, max: 32 });
  const subnet = fc.tuple(address, bits).map(([octets, size]) => `${octets.join('.')}/${size}`);
  /** The first bits of an address, as text. */
  const prefix = (cidr: string, length: number): string => {
    const octets = (cidr.split('/')[0] ?? '').split('.');
    return octets
      .map((octet) => Number(octet).toString(2).padStart(8, '0'))
      .join('')
      .slice(0, length);
  };

  it('share the bits of the wider one, and no others do', () => {
    fc.assert(
      fc.property(subnet, subnet, (one, other) => {
        const common = Math.min(Number(one.split('/')[1]), Number(other.split('/')[1]));
        expect(overlaps(one, other)).toBe(prefix(one, common) === prefix(other, common));
        expect(overlaps(other, one)).toBe(overlaps(one, other));
      }),
    );
  });

  it('a subnet overlaps each subnet inside it', () => {
    fc.assert(
      fc.property(address, bits, bits, (octets, one, other) => {
        const [wide, narrow] = [Math.min(one, other), Math.max(one, other)];
        expect(overlaps(`${octets.join('.')}/${wide}`, `${octets.join('.')}/${narrow}`)).toBe(true);
      }),
    );
  });
});
