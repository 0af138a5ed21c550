import { describe, expect, it } from 'vitest';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { loadCatalogue } from '#verdict/catalogue.ts';
import { removeLeftovers } from '#verdict/leftovers.ts';
import { stepLabel } from '#verdict/steps.ts';

/** A cluster that holds these, and tells what was removed from it. */
function holding(...objects: Manifest[]): { cluster: Cluster; removed: Manifest[] } {
  const removed: Manifest[] = [];
  const cluster = {
    list: (apiVersion: string, kind: string, _namespace: undefined, selector: string) =>
      kind === 'HorizontalPodAutoscaler'
        ? Promise.reject(new Error('no such kind'))
        : Promise.resolve(
            objects.filter(
              (each) =>
                each.apiVersion === apiVersion && each.kind === kind && selector in (each.metadata.labels ?? {}),
            ),
          ),
    remove: (left: Manifest[]) => Promise.resolve(void removed.push(...left)),
  };
  return { cluster: cluster as unknown as Cluster, removed };
}

const object = (apiVersion: string, kind: string, name: string, step?: string): Manifest => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'semaphore', ...(step !== undefined && { labels: { [stepLabel]: step } }) },
});

describe('removeLeftovers', () => {
  it('finds what checks apply and what loads are made of, and leaves the scene alone', async () => {
    const { cluster, removed } = holding(
      object('security.istio.io/v1beta1', 'PeerAuthentication', 'default', 'strict'),
      object('v1', 'Pod', 'mw-load-1', 'load'),
      object('v1', 'ConfigMap', 'mw-load-1', 'load'),
      object('v1', 'ConfigMap', 'envoy-gateway-config'),
      object('v1', 'Pod', 'auth-identity'),
    );
    const told = await removeLeftovers(cluster, await loadCatalogue());
    expect(told.toSorted()).toEqual([
      'ConfigMap semaphore/mw-load-1',
      'PeerAuthentication semaphore/default',
      'Pod semaphore/mw-load-1',
    ]);
    expect(removed).toHaveLength(3);
  });
});
