import { writeFile } from 'node:fs/promises';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { ownerLabel } from '#support/paths.ts';

const name = 'meshwitness-reader';
const labels = { [ownerLabel]: 'meshwitness' };

/** What `preflight` needs, and nothing that writes. */
export const readerRules = [
  { apiGroups: [''], resources: ['pods', 'pods/log', 'services', 'namespaces'], verbs: ['get', 'list'] },
  { apiGroups: ['security.istio.io'], resources: ['peerauthentications'], verbs: ['get', 'list'] },
];

const identity = (namespace: string, rules: typeof readerRules): Manifest[] => {
  const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1' };
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name };
  const subjects = [{ kind: 'ServiceAccount', name, namespace }];
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace, labels } },
    { ...rbac, kind: 'ClusterRole', metadata: { name, labels }, rules } as Manifest,
    { ...rbac, kind: 'ClusterRoleBinding', metadata: { name, labels }, roleRef, subjects } as Manifest,
  ];
};

/**
 * Writes a kubeconfig whose only context is called `reader`: a ServiceAccount that may do what these rules say.
 *
 * @param file where it goes
 */
export async function readerContext(
  cluster: Cluster,
  namespace: string,
  file: string,
  rules = readerRules,
): Promise<void> {
  await cluster.apply(identity(namespace, rules));
  const { status } = await cluster.config.makeApiClient(CoreV1Api).createNamespacedServiceAccountToken({
    name,
    namespace,
    body: { spec: { audiences: [], expirationSeconds: 3_600 } },
  });
  const config = new KubeConfig();
  const server = cluster.config.getCurrentCluster();
  if (!server) throw new Error(`cluster ${cluster.name} has no server`);
  config.loadFromOptions({
    clusters: [server],
    users: [{ name, token: status?.token ?? '' }],
    contexts: [{ name: 'reader', cluster: server.name, user: name }],
    currentContext: 'reader',
  });
  await writeFile(file, config.exportConfig(), { mode: 0o600 });
}
