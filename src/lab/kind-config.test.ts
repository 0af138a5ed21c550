import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { cniConfig, kindConfig, labHash } from '#lab/kind-config.ts';

const cluster = { name: 'main', podSubnet: '10.10.0.0/16', serviceSubnet: '10.110.0.0/16' };
const facts = { etcdTag: '3.5.16-0', corednsTag: 'v1.14.6' };

interface KindConfig {
  name: string;
  networking: Record<string, unknown>;
  nodes: { image: string; extraMounts: { hostPath: string }[] }[];
  kubeadmConfigPatches: string[];
}
const configOf = (text: string): KindConfig => parse(text) as KindConfig;

describe('the kind configuration', () => {
  const config = configOf(kindConfig(cluster, 'mw-dev-main', 'node:1', facts, '/lab/cni.conflist'));

  it('is one node of the image, with our network and no other', () => {
    expect(config.name).toBe('mw-dev-main');
    expect(config.networking).toEqual({
      disableDefaultCNI: true,
      podSubnet: '10.10.0.0/16',
      serviceSubnet: '10.110.0.0/16',
      apiServerAddress: '127.0.0.1',
    });
    expect(config.nodes.map(({ image, extraMounts }) => [image, extraMounts[0]?.hostPath])).toEqual([
      ['node:1', '/lab/cni.conflist'],
    ]);
  });

  it('names the API server no port: kind takes a free one', () => {
    expect(config.networking).not.toHaveProperty('apiServerPort');
  });

  it('asks kubeadm for what is preloaded, with arguments as the map of v1beta3', () => {
    expect(parse(config.kubeadmConfigPatches[0] ?? '')).toEqual({
      kind: 'ClusterConfiguration',
      apiServer: { extraArgs: { 'enable-aggregator-routing': 'true' } },
      etcd: { local: { imageTag: '3.5.16-0', extraArgs: { 'unsafe-no-fsync': 'true' } } },
      dns: { imageTag: 'v1.14.6' },
    });
  });

  it('leaves the tags to kubeadm for a published node image', () => {
    const published = configOf(kindConfig(cluster, 'mw-dev-main', 'kindest/node', {}, '/lab/cni.conflist'));
    expect(parse(published.kubeadmConfigPatches[0] ?? '')).toEqual({
      kind: 'ClusterConfiguration',
      apiServer: { extraArgs: { 'enable-aggregator-routing': 'true' } },
      etcd: { local: { extraArgs: { 'unsafe-no-fsync': 'true' } } },
    });
  });
});

describe('the network of a node', () => {
  const subnetOf = (podSubnet: string): unknown => {
    const { plugins } = JSON.parse(cniConfig({ ...cluster, podSubnet })) as {
      plugins: { ipam?: { ranges: { subnet: string }[][] } }[];
    };
    return plugins[0]?.ipam?.ranges[0]?.[0]?.subnet;
  };

  it.each([
    ['10.10.0.0/16', '10.10.0.0/24'],
    ['10.10.4.0/24', '10.10.4.0/24'],
    ['10.10.4.128/25', '10.10.4.128/25'],
  ])('pods of %s live in %s', (podSubnet, expected) => {
    expect(subnetOf(podSubnet)).toBe(expected);
  });
});

describe('the hash of a lab', () => {
  const hash = labHash([cluster], 'node:1', facts);

  it('is the same for the same things', () => {
    expect(labHash([{ ...cluster }], 'node:1', { ...facts })).toBe(hash);
  });

  it.each([
    ['subnet', labHash([{ ...cluster, podSubnet: '10.11.0.0/16' }], 'node:1', facts)],
    ['image', labHash([cluster], 'node:2', facts)],
    ['tag', labHash([cluster], 'node:1', { ...facts, etcdTag: '3.6.5-0' })],
    ['cluster', labHash([cluster, { ...cluster, name: 'other' }], 'node:1', facts)],
  ])('differs with another %s', (_, other) => {
    expect(other).not.toBe(hash);
  });
});
