import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askIstio } from '#install/capabilities.ts';
import { istioManifests, istioNamespace, type IstioParts } from '#install/istio-manifests.ts';
import { ensureIstio, nodeImageFor } from '#install/istio-parts.ts';
import { installIstio } from '#install/istio.ts';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { downKind } from '#lab/down.ts';
import { Forwards } from '#lab/forward.ts';
import { upLab } from '#lab/up.ts';
import { ensureEngine } from '#machine/engine.ts';
import { ownerLabel } from '#support/paths.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';

const lab = `i${process.pid}`;
const namespace = 'asked';
const say = (): void => undefined;

let cluster: Cluster;
let current: IstioParts;
let older: IstioParts;
beforeAll(async () => {
  await ensureEngine({ say });
  const channels = ['current', 'older'] as const;
  const [parts, { clusters }] = await Promise.all([
    ensureIstio(channels),
    upLab({ name: lab, topology: 'solo', nodeImagePart: nodeImageFor(channels), say }),
  ]);
  [current, older] = parts as [IstioParts, IstioParts];
  cluster = clusters.get('main') as Cluster;
});
afterAll(() => downKind(lab));

interface Pod {
  metadata?: { name?: string };
  status?: { conditions?: { type: string; status: string }[] };
}

describe('Istio, installed', { sequential: true }, () => {
  it('older first, then both: the definitions become those of the newer one', async () => {
    expect(await installIstio(cluster, [older])).toEqual(['older']);
    expect(await installIstio(cluster, [older, current])).toEqual(['current']);
    const { base } = await istioManifests(current);
    const wanted = base.filter(({ kind }) => kind === 'CustomResourceDefinition').map(({ metadata }) => metadata.name);
    const crds = await cluster.list<Manifest>('apiextensions.k8s.io/v1', 'CustomResourceDefinition');
    expect(crds.map(({ metadata }) => metadata.name)).toEqual(expect.arrayContaining(wanted));
  });

  it('stays as it is when asked for again', async () => {
    const read = () => cluster.read<Manifest>('apps/v1', 'Deployment', 'istiod-current', istioNamespace);
    const before = await read();
    expect(await installIstio(cluster, [current, older])).toEqual([]);
    expect(await read()).toEqual(before);
  });

  it('says what it is: each control plane, and the proxy that it injects', async () => {
    const labels = { [ownerLabel]: 'meshwitness', 'istio.io/rev': 'older' };
    await cluster.apply([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'echo', namespace, labels: { app: 'echo' } },
        spec: { containers: [{ name: 'echo', image: 'meshwitness.local/fixture:local', args: ['echo'] }] },
      } as Manifest,
    ]);
    const ready = async () => {
      const pod = await cluster.read<Pod & Manifest>('v1', 'Pod', 'echo', namespace);
      const condition = pod?.status?.conditions?.find(({ type }) => type === 'Ready');
      return condition?.status === 'True' ? { done: true } : { seen: condition?.status ?? 'no such pod' };
    };
    await until('the injected pod to be ready', ready, { timeoutMs: timeouts.workloadReadyMs });
    await using forwards = new Forwards(cluster);
    const asked = await askIstio(cluster, forwards, 'older', await forwards.to(namespace, 'echo', 15_000));
    const { istiod, agent, proxy } = asked.versions;
    expect(istiod).toMatch(/^\d+\.\d+/);
    expect(agent).toBe(istiod);
    expect(proxy).toMatch(/^\d+\.\d+\.\d+/);
    expect(asked.capabilities).toEqual(expect.arrayContaining(['istio', 'sidecar', 'probe-log']));
    expect(asked.capabilities).not.toContain('ambient');
    expect(asked.capabilities.includes('istio-proxy')).toBe(!older.upstreamEnvoy);
    const other = await askIstio(cluster, forwards, 'current');
    expect(other.versions).toEqual({ istiod: expect.not.stringMatching(istiod) });
  });

  it('of a revision that is not there is not ready', async () => {
    await using forwards = new Forwards(cluster);
    await expect(askIstio(cluster, forwards, 'canary')).rejects.toMatchObject({
      exitCode: 3,
      message: 'cluster main runs no istiod of revision canary in istio-system',
    });
  });
});
