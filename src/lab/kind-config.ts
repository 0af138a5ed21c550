import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import type { ClusterSpec } from '#lab/topology.ts';

/** What the node image says of itself, for kubeadm. */
export interface NodeFacts {
  /** Tag under which etcd was preloaded, and by which kubeadm picks etcd's flags. Default: what kubeadm asks for. */
  etcdTag?: string;
  /** Tag under which CoreDNS was preloaded. Default: what kubeadm asks for. */
  corednsTag?: string;
}

/**
 * The kind configuration of one single-node cluster.
 *
 * kindnet is not needed on a single node: the node's own `ptp` plugin serves the pods, from a file that
 * is mounted, so that the node is ready as soon as the kubelet is.
 *
 * @param cniConfigFile path on this machine of the file that {@link cniConfig} made
 */
export function kindConfig(
  cluster: ClusterSpec,
  name: string,
  image: string,
  facts: NodeFacts,
  cniConfigFile: string,
): string {
  return stringify({
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    name,
    networking: {
      disableDefaultCNI: true,
      podSubnet: cluster.podSubnet,
      serviceSubnet: cluster.serviceSubnet,
      apiServerAddress: '127.0.0.1',
    },
    nodes: [
      {
        role: 'control-plane',
        image,
        extraMounts: [
          { hostPath: cniConfigFile, containerPath: '/etc/cni/net.d/10-meshwitness.conflist', readOnly: true },
        ],
      },
    ],
    kubeadmConfigPatches: [
      stringify({
        kind: 'ClusterConfiguration',
        // kind writes kubeadm's v1beta3, where arguments are a map.
        apiServer: {
          // Webhooks and APIs in pods are called at the pod. At the address of their Service, a call that comes while kube-proxy
          // is not done yet leaves the machine, and the API server keeps the connection to whoever answered there.
          extraArgs: { 'enable-aggregator-routing': 'true' },
        },
        etcd: {
          local: {
            ...(facts.etcdTag !== undefined && { imageTag: facts.etcdTag }),
            // A throw-away cluster need not survive a power cut: fsync costs seconds on a shared disk.
            extraArgs: { 'unsafe-no-fsync': 'true' },
          },
        },
        ...(facts.corednsTag !== undefined && { dns: { imageTag: facts.corednsTag } }),
      }),
      stringify({
        kind: 'KubeletConfiguration',
        failCgroupV1: false,
        maxPods: 200,
        serializeImagePulls: false,
        registryPullQPS: 0,
      }),
    ],
  });
}

/** Hash of all that the clusters of a lab are made from: when it differs, they are replaced. */
export function labHash(clusters: readonly ClusterSpec[], nodeImage: string, facts: NodeFacts): string {
  const made = clusters.map((cluster) => [kindConfig(cluster, cluster.name, nodeImage, facts, ''), cniConfig(cluster)]);
  return createHash('sha256').update(JSON.stringify(made)).digest('hex').slice(0, 16);
}

/** The container network of a node: routed veth pairs, masqueraded towards everything but the pod subnet. */
export function cniConfig(cluster: ClusterSpec): string {
  const plugins = [
    {
      type: 'ptp',
      ipMasq: true,
      ipam: {
        type: 'host-local',
        // kubeadm gives the first /24 of the pod subnet to the only node.
        ranges: [[{ subnet: firstNodeSubnet(cluster.podSubnet) }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ];
  return JSON.stringify({ cniVersion: '1.0.0', name: 'meshwitness', plugins }, undefined, 2);
}

function firstNodeSubnet(podSubnet: string): string {
  const [address = '', bits = '16'] = podSubnet.split('/');
  return Number(bits) >= 24 ? podSubnet : `${address.split('.').slice(0, 3).join('.')}.0/24`;
}
