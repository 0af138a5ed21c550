import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { UsageError } from '#support/errors.ts';
import { nearest } from '#support/nearest.ts';
import { paths } from '#support/paths.ts';
import { readYaml } from '#support/yaml.ts';

const dnsLabel = z
  .string()
  .regex(/^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/, 'expected a DNS label: lower-case letters, digits, dashes');
const subnet = z.cidrv4('expected an IPv4 subnet such as 10.10.0.0/16');

const topologySchema = z
  .strictObject({
    schema: z.literal(1, 'expected schema: 1'),
    description: z.string(),
    clusters: z
      .array(z.strictObject({ name: dnsLabel, podSubnet: subnet, serviceSubnet: subnet }))
      .min(1, 'expected at least one cluster'),
  })
  .superRefine(({ clusters }, context) => {
    clusters.forEach((cluster, index) => {
      if (clusters.findIndex(({ name }) => name === cluster.name) !== index)
        context.addIssue({
          code: 'custom',
          message: `cluster ${cluster.name} is named twice`,
          path: ['clusters', index, 'name'],
        });
    });
    const subnets = clusters.flatMap(({ podSubnet, serviceSubnet }, index) => [
      { cidr: podSubnet, path: ['clusters', index, 'podSubnet'] },
      { cidr: serviceSubnet, path: ['clusters', index, 'serviceSubnet'] },
    ]);
    subnets.forEach((later, index) => {
      const earlier = subnets.slice(0, index).find(({ cidr }) => overlaps(cidr, later.cidr));
      if (earlier)
        context.addIssue({ code: 'custom', message: `${later.cidr} overlaps ${earlier.cidr}`, path: later.path });
    });
  });

export type ClusterSpec = z.output<typeof topologySchema>['clusters'][number];
export interface Topology {
  name: string;
  description: string;
  clusters: ClusterSpec[];
}

/**
 * Reads `kind/topologies/<name>.yaml`.
 *
 * @throws UsageError for an unknown name (with the nearest known one) or a malformed file (with its line)
 */
export async function readTopology(name: string, folder: string = paths.topologies): Promise<Topology> {
  const known = await topologyNames(folder);
  if (!known.includes(name)) {
    throw new UsageError(
      `no topology is called "${name}": there are ${known.join(', ')}`,
      nearest(name, known, 'did you mean'),
    );
  }
  const { description, clusters } = await readYaml(resolve(folder, `${name}.yaml`), topologySchema);
  return { name, description, clusters };
}

/** Names of the topologies in the folder, sorted. */
export async function topologyNames(folder: string = paths.topologies): Promise<string[]> {
  const files = await readdir(folder);
  return files
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .toSorted();
}

/** True when two IPv4 subnets in CIDR notation share an address. */
export function overlaps(one: string, other: string): boolean {
  const [a, b] = [range(one), range(other)];
  return a.first <= b.last && b.first <= a.last;
}

function range(cidr: string): { first: number; last: number } {
  const [address = '', bits = '32'] = cidr.split('/');
  const base = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const size = 2 ** (32 - Number(bits));
  const first = Math.floor(base / size) * size;
  return { first, last: first + size - 1 };
}
