// `verify --profile smoke` from no cluster to its exit, beside a plain script that makes the same cluster, installs the same
// Istio and waits for the same pods. Run in pairs: node scripts/bootstrap.mjs bench/smoke.ts [ROUNDS]
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { stringify } from 'yaml';
import { $ } from 'zx/core';
import { istioManifests } from '#install/istio-manifests.ts';
import { istioPartNames, istioPartsOf } from '#install/istio-parts.ts';
import { downKind } from '#lab/down.ts';
import { ensureNetwork, kindName, networkName, nodeName } from '#lab/engine-objects.ts';
import { cniConfig, kindConfig } from '#lab/kind-config.ts';
import { kubeconfigOf, labFolder } from '#lab/record.ts';
import { readTopology } from '#lab/topology.ts';
import { ensureEngine } from '#machine/engine.ts';
import { ensureParts, toolPath } from '#machine/parts.ts';
import { tagInNode } from '#machine/ready-part.ts';
import { paths } from '#support/paths.ts';
import { loadCatalogue, select } from '#verdict/catalogue.ts';
import { planScene } from '#verdict/scene-file.ts';
import { inPairs, median, seconds, timed } from './pairs.ts';

const rounds = Number(process.argv[2] ?? 3);
const [plainLab, ownLab] = ['bench-plain', 'bench-verify'];

await ensureEngine({ say: console.error });
const parts = await ensureParts(['smoke']);
const [kind, node] = [parts.get('kind'), parts.get('node-smoke')];
const { clusters } = await readTopology('solo');
const [cluster] = clusters;
if (!kind || !node?.reference || !cluster) throw new Error('the parts of the smoke profile are not as expected');
const [etcdTag, corednsTag] = [tagInNode(node, 'etcd'), tagInNode(node, 'coredns')];

const folder = labFolder(plainLab);
const file = (name: string): string => resolve(folder, name);
const [istio] = istioPartsOf(['current'], parts);
if (!istio) throw new Error(`no part of ${istioPartNames(['current']).join(', ')}`);
const manifests = await istioManifests(istio);
const checks = select(await loadCatalogue(), [], 'smoke');
const scenes = await Promise.all(
  [...Map.groupBy(checks, ({ scene = '' }) => scene)].map(([name, own]) =>
    planScene(name, [...new Set(own.flatMap(({ uses = [] }) => uses))], 'current'),
  ),
);
const pods = scenes.flatMap(({ workloads }) => workloads);
const documents = (objects: readonly object[]): string => objects.map((each) => stringify(each)).join('---\n');

async function plain(): Promise<number> {
  await mkdir(folder, { recursive: true });
  const name = kindName(plainLab, cluster?.name ?? '');
  const facts = { ...(etcdTag !== undefined && { etcdTag }), ...(corednsTag !== undefined && { corednsTag }) };
  if (!cluster || !node?.reference || !kind) return Number.NaN;
  await writeFile(file('cni.conflist'), cniConfig(cluster));
  await writeFile(file('kind.yaml'), kindConfig(cluster, name, node.reference, facts, file('cni.conflist')));
  await writeFile(file('istio.yaml'), documents([...manifests.base, ...manifests.revision]));
  const objects = new Map(
    scenes
      .flatMap(({ always, workloads }) => [...always, ...workloads.flatMap((each) => each.objects)])
      .map((each) => [`${each.kind}/${each.metadata.namespace ?? ''}/${each.metadata.name}`, each]),
  );
  await writeFile(file('scenes.yaml'), documents([...objects.values()]));
  await ensureNetwork(plainLab);
  const env = {
    ...process.env,
    KIND_EXPERIMENTAL_DOCKER_NETWORK: networkName(plainLab),
    KIND: toolPath(kind, 'kind'),
    KIND_CONFIG: file('kind.yaml'),
    KUBECONFIG: kubeconfigOf(plainLab, cluster.name),
    NODE: nodeName(plainLab, cluster.name),
    ISTIO: file('istio.yaml'),
    SCENES: file('scenes.yaml'),
    NAMESPACES: [...new Set(pods.map(({ namespace }) => namespace))].join(' '),
  };
  const run = $({ quiet: true, env });
  const took = await timed(() => run`bash ${resolve(paths.root, 'bench/plain-smoke.sh')}`);
  await downKind(plainLab);
  await rm(folder, { recursive: true, force: true });
  return took;
}

async function verify(): Promise<number> {
  const run = $({ quiet: true, cwd: paths.root });
  return timed(() => run`./meshwitness verify --profile smoke --name ${ownLab}`);
}

const { one, other } = await inPairs(rounds, plain, verify);
const [scriptMs, verifyMs] = [median(one), median(other)];
console.log(`pods            ${pods.length}, ${pods.filter(({ sidecar }) => sidecar).length} of them with a sidecar`);
console.log(`plain script    ${seconds(scriptMs)}   (${one.map(seconds).join(', ')})`);
console.log(`verify smoke    ${seconds(verifyMs)}   (${other.map(seconds).join(', ')})`);
console.log(`ratio           ${(verifyMs / scriptMs).toFixed(2)}   (at most 1.30)`);
