// Proves that what the gateway runs is what the repository says: one file, rendered, applied and running.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import type { Stage } from '#verdict/stage.ts';
import type { Manifest } from '#lab/cluster.ts';
import { NotReadyError } from '#support/errors.ts';
import { ownerLabel } from '#support/paths.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';
import { Checkout } from './kustomize.ts';
import { canonical, firstDifference, hashOf, staticPart } from './same-config.ts';

const source = 'docker/envoy/envoy.yaml';
const kustomizations = ['.', 'k8s/istio', 'k8s/monitoring'];
/** Everything else that these kustomizations may render lives in a namespace. */
const clusterWide = new Set(['Namespace', 'ClusterRole', 'ClusterRoleBinding', 'CustomResourceDefinition']);
const adminPort = 9901;

export default check({
  id: 'GS-19',
  title: 'One source of configuration',
  level: 'core',
  system: 'gateway-switch',
  tags: ['config', 'drift'],
  needs: ['istio', 'lab-node'],
  scene: 'semaphore',
  uses: ['edge'],
  story: {
    setUp: `A repository with ${source}, a root kustomization that generates the ConfigMap envoy-gateway-config from it, k8s/istio without a namespace of its own, and k8s/monitoring.`,
    sends:
      'The three kustomizations are rendered with kubectl; what the root renders is applied, and the gateway starts from it after Envoy has validated it. Then the ConfigMap is read back, and the /config_dump of the running Envoy.',
    expects:
      'The text in the rendered and in the live ConfigMap is the source, byte for byte; the static part of /config_dump is that of the source, field for field; every namespaced object states its namespace; Envoy in validate mode exits with 0.',
    why: 'A gateway that runs something else than the repository says is found in the next outage, unless it is looked for.',
  },
  params: { edit: '' },
  async collect(stage, { edit }) {
    const { names, scene, signal } = stage;
    const { node } = scene.cluster;
    if (node === undefined) throw new NotReadyError('kubectl is taken from the node of a lab, and this is none');
    await using checkout = await Checkout.of(names);
    const text = await checkout.read(source);
    const rendered = await Promise.all(kustomizations.map((each) => checkout.render(each, node, signal)));
    const all = rendered.flat();
    stage.record(
      'objects',
      all.map(({ kind = '', metadata: { name, namespace = null } }) => ({ kind, name, namespace })),
    );
    const own = (rendered[0] ?? []).map(owned);
    stage.record('rendered', compared(text, envoyYaml(own)));
    try {
      const applied = (await scene.cluster.apply(own, signal)) as Dated[];
      const { pod, exitCode } = await started(stage, bornOf(applied.find(({ kind }) => kind === 'Deployment')));
      stage.record('validated', { exitCode });
      if (edit !== '')
        await scene.cluster.apply(
          own.map((each) => edited(each, edit)),
          signal,
        );
      const live = await stage.objects('v1', 'ConfigMap', names['outside'] ?? '');
      const map = own.find(({ kind }) => kind === 'ConfigMap')?.metadata.name;
      stage.record('live', compared(text, envoyYaml(live.filter(({ metadata }) => metadata.name === map))));
      const admin = await scene.forwards.to(names['outside'] ?? '', pod, adminPort);
      const { configs } = dump.parse(await admin.json('/config_dump', { signal }));
      const bootstrap = configs.find(({ bootstrap: found }) => found !== undefined)?.bootstrap;
      stage.record('running', compared(canonical(staticPart(text)), canonical(staticPart(bootstrap))));
    } finally {
      await scene.cluster.remove(own);
    }
  },
  judge: ({ fact }) => [
    fact('objects', everyNamespaceStated),
    fact('rendered', isTheSource('rendered-equals-source', 'process', 'kubectl kustomize')),
    fact('validated', validated),
    fact('live', isTheSource('live-equals-source', 'object', 'API server')),
    fact('running', isTheSource('running-equals-source', 'object', '/config_dump of the gateway')),
  ],
  twins: [
    {
      name: 'live-config-edited',
      sabotage: 'Somebody edits the live ConfigMap by hand: one timeout of one cluster.',
      breaks: 'live-equals-source',
      params: { edit: 'connect_timeout: 9s' },
    },
  ],
});

const dump = z.object({ configs: z.array(z.looseObject({ bootstrap: z.looseObject({}).optional() })) });

const comparison = z.object({
  source: z.string(),
  found: z.string(),
  /** Where the two differ, or null. */
  difference: z.string().nullable(),
});

/** Hashes of both texts, and where they differ. */
function compared(expected: string, found: string): z.infer<typeof comparison> {
  const same = expected === found;
  const path = firstDifference(staticPart(expected), staticPart(found)) ?? 'in comments or layout only';
  return { source: hashOf(expected), found: hashOf(found), difference: same ? null : path };
}

const isTheSource = (expectation: string, kind: 'object' | 'process', from: string) =>
  factIs({
    expectation,
    kind,
    from,
    expected: `the content of ${source}`,
    shape: comparison,
    met: ({ source: wanted, found, difference }) => wanted === found && difference === null,
    seen: ({ found, difference }) => difference ?? `sha256 ${found.slice(0, 12)}, as the source`,
  });

const everyNamespaceStated = factIs({
  expectation: 'every-namespace-stated',
  kind: 'process',
  from: 'kubectl kustomize',
  expected: 'every namespaced object states its namespace',
  shape: z.array(z.object({ kind: z.string(), name: z.string(), namespace: z.string().nullable() })),
  met: (objects) =>
    objects.length > 0 && objects.every(({ kind, namespace }) => clusterWide.has(kind) || namespace !== null),
  seen: (objects) => objects.map(({ kind, name, namespace }) => `${kind} ${namespace ?? '(none)'}/${name}`).join('; '),
});

const validated = factIs({
  expectation: 'validate-exits-0',
  kind: 'object',
  from: 'Envoy in validate mode',
  expected: 'exit code 0',
  shape: z.object({ exitCode: z.number() }),
  met: ({ exitCode }) => exitCode === 0,
  seen: ({ exitCode }) => `exit code ${exitCode}`,
});

const owned = (object: Manifest): Manifest => ({
  ...object,
  metadata: { ...object.metadata, labels: { ...object.metadata.labels, [ownerLabel]: 'meshwitness' } },
});

interface ConfigMap extends Manifest {
  data?: Record<string, string>;
}

/** The gateway's configuration in the one ConfigMap among these objects; empty when there is none. */
function envoyYaml(objects: readonly Manifest[]): string {
  const map = objects.find((each): each is ConfigMap => 'data' in each);
  return map?.data?.['envoy.yaml'] ?? '';
}

/** The ConfigMap with its first timeout changed; another object as it is. */
function edited(object: Manifest, edit: string): Manifest {
  const text = envoyYaml([object]);
  if (text === '') return object;
  return { ...object, data: { 'envoy.yaml': text.replace(/connect_timeout: \w+/, edit) } } as Manifest;
}

interface Dated extends Manifest {
  metadata: Manifest['metadata'] & { creationTimestamp?: string | Date; deletionTimestamp?: string | Date };
}

const bornOf = (object?: Dated): number => new Date(object?.metadata.creationTimestamp ?? 0).getTime();

/**
 * Waits for the pod of the rendered Deployment: running, or not taken by Envoy's validation.
 *
 * @param born when the Deployment was made: an older pod is that of an earlier run, about to end
 */
async function started(stage: Stage, born: number): Promise<{ pod: string; exitCode: number }> {
  const look = async (): Promise<Look<{ pod: string; exitCode: number }>> => {
    const pods = (await stage.objects('v1', 'Pod', stage.names['outside'] ?? '')) as Pod[];
    const own = pods.filter(({ metadata }) => metadata.labels?.['app'] === 'envoy-gateway');
    const pod = own.find((each) => each.metadata.deletionTimestamp === undefined && bornOf(each) >= born);
    const exitCode = pod?.status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode;
    const ready = pod?.status?.containerStatuses?.[0]?.ready === true;
    if (pod && exitCode !== undefined && (ready || exitCode !== 0))
      return { done: { pod: pod.metadata.name, exitCode } };
    return { seen: pod?.status?.phase ?? 'no pod yet' };
  };
  const options = { timeoutMs: timeouts.workloadReadyMs, signal: stage.signal };
  return until('the gateway of the repository to start', look, options);
}

interface Pod extends Dated {
  status?: {
    phase?: string;
    initContainerStatuses?: { state?: { terminated?: { exitCode: number } } }[];
    containerStatuses?: { ready: boolean }[];
  };
}
