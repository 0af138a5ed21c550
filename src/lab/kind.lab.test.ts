import { access, chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { $ } from 'zx/core';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { downKind, labStatuses } from '#lab/down.ts';
import { kindName, networkName, nodeName } from '#lab/engine-objects.ts';
import { openExisting } from '#lab/existing.ts';
import { createCluster, type KindParts } from '#lab/kind-create.ts';
import { upKind } from '#lab/kind.ts';
import type { Lab } from '#lab/lab.ts';
import { kubeconfigOf, labFolder, readLab } from '#lab/record.ts';
import { servicesLeadTo } from '#lab/service-rules.ts';
import { readTopology, type Topology } from '#lab/topology.ts';
import { throughProxy } from '#lab/testing/engine-proxy.ts';
import { kindParts, upLab } from '#lab/up.ts';
import { watchLab } from '#lab/watch.ts';
import { ensureEngine } from '#machine/engine.ts';
import { ownerLabel } from '#support/paths.ts';
import { until } from '#support/wait.ts';

const lab = `t${process.pid}`;
const beside = `u${process.pid}`;
const said: string[] = [];
const say = (line: string): void => void said.push(line);
const docker = $({ quiet: true });
/** Long enough for whatever is expected to be seen at once. */
const soon = { timeoutMs: 30_000 };

let parts: KindParts;
let usersOwn: string;
beforeAll(async () => {
  usersOwn = await kubeconfigOfUser();
  await ensureEngine({ say });
  parts = await kindParts({});
});
afterAll(async () => {
  for (const name of [lab, beside]) await downKind(name);
});

/** Size and time of the user's own kubeconfig, or that there is none. */
async function kubeconfigOfUser(): Promise<string> {
  return stat(resolve(homedir(), '.kube/config')).then(
    ({ mtimeMs, size }) => `${mtimeMs} ${size}`,
    () => 'absent',
  );
}
type Slice = Manifest & { endpoints?: { addresses: string[]; conditions: { ready?: boolean } }[] };
const configMap = (name: string, namespace: string): Manifest =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { written: 'yes' } }) as Manifest;
const namespaceOf = (name: string, labels: Record<string, string> = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});
const mainOf = ({ clusters }: Lab): Cluster => clusters.get('main') ?? expect.fail('the lab has no cluster main');

describe('a lab of kind clusters', { sequential: true }, () => {
  it('comes up, answers, and is reused by the next run', async () => {
    const first = await upLab({ name: lab, topology: 'solo', say });
    expect(first).toMatchObject({ provider: 'kind', reused: false });
    const cluster = mainOf(first);
    expect(cluster.context).toBe(`kind-${kindName(lab, 'main')}`);
    expect(cluster.kubeconfigFile).toBe(kubeconfigOf(lab, 'main'));
    await cluster.apply([configMap('first', 'default')]);
    const second = await upLab({ name: lab, topology: 'solo', say });
    expect(second.reused).toBe(true);
    expect(await mainOf(second).read('v1', 'ConfigMap', 'first', 'default')).toBeDefined();
  });

  it('lets nothing out to an address of its own that nobody has', async () => {
    const run = $({ quiet: true, nothrow: true });
    for (const address of ['10.110.200.200/80', '10.10.0.250/80']) {
      const dial = `exec 3<>/dev/tcp/${address}`;
      const { stderr } = await run`docker exec ${nodeName(lab, 'main')} timeout 5 bash -c ${dial}`;
      expect(stderr).toMatch(/refused/i);
    }
  });

  it('tells whether Services lead to a pod, by the rules of the node', async () => {
    const cluster = mainOf(await upLab({ name: lab, topology: 'solo', say }));
    const addresses = await vi.waitFor(async () => {
      const slices = await cluster.list<Slice>('discovery.k8s.io/v1', 'EndpointSlice', 'kube-system');
      const ready = slices.flatMap(({ endpoints }) => endpoints ?? []).filter(({ conditions }) => conditions.ready);
      expect(ready).not.toHaveLength(0);
      return ready.flatMap(({ addresses: own }) => own);
    }, 60_000);
    await servicesLeadTo(cluster, { pods: addresses });
    for (const each of [{ pods: ['10.10.0.250'] }, { pods: addresses, balanced: ['192.0.2.1'] }])
      await expect(servicesLeadTo(cluster, each, AbortSignal.timeout(1_000))).rejects.toThrow(/abort|timeout/i);
  });

  it('takes definitions as they stand, and says what the API server has against an object', async () => {
    const cluster = mainOf(await upLab({ name: lab, topology: 'solo', say }));
    const schema = { type: 'object', properties: { port: { 'x-kubernetes-int-or-string': true } } };
    const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } };
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'probes.test.meshwitness.dev' },
      spec: {
        group: 'test.meshwitness.dev',
        scope: 'Namespaced',
        names: { plural: 'probes', singular: 'probe', kind: 'Probe' },
        versions: [version],
      },
    };
    await cluster.apply([definition]);
    const kubectl = ['kubectl', '--kubeconfig', '/etc/kubernetes/admin.conf'];
    const stored =
      await docker`docker exec ${nodeName(lab, 'main')} ${kubectl} get crd ${definition.metadata.name} -o json`;
    const { spec } = JSON.parse(stored.stdout) as typeof definition;
    expect(spec.versions[0]?.schema).toEqual({ openAPIV3Schema: schema });
    const wrong = { ...configMap('wrong', 'default'), data: { nested: { not: 'text' } } } as Manifest;
    await expect(cluster.apply([wrong])).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/^ConfigMap default\/wrong was refused by cluster main: .*\.data\.nested/),
    });
  });

  it('is touched as a context of the user only in namespaces that carry our label', async () => {
    const before = await readFile(kubeconfigOf(lab, 'main'), 'utf8');
    vi.stubEnv('KUBECONFIG', kubeconfigOf(lab, 'main'));
    const existing = mainOf(await openExisting({ main: `kind-${kindName(lab, 'main')}` })); // as if it were theirs
    vi.unstubAllEnvs();
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'r' } };
    for (const refused of [configMap('x', 'default'), namespaceOf('theirs'), role]) {
      await expect(existing.apply([refused])).rejects.toMatchObject({ exitCode: 2 });
    }
    await expect(existing.remove([configMap('first', 'default')])).rejects.toMatchObject({ exitCode: 2 });
    await expect(existing.apply([namespaceOf('default', { [ownerLabel]: 'x' })])).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(`namespace default of context kind-${kindName(lab, 'main')} does not carry`),
    });
    expect(await existing.read('v1', 'ConfigMap', 'first', 'default')).toBeDefined();
    const ours = [namespaceOf('ours', { [ownerLabel]: 'meshwitness' }), configMap('x', 'ours')];
    expect(await existing.apply(ours)).toHaveLength(2);
    expect(await readFile(kubeconfigOf(lab, 'main'), 'utf8')).toBe(before);
  });

  it('survives an API server that is away for 20 s', async () => {
    const cluster = mainOf(await upLab({ name: lab, topology: 'solo', say }));
    const node = nodeName(lab, 'main');
    await docker`docker pause ${node}`;
    const started = performance.now();
    const back = docker`sleep 20 && docker unpause ${node}`;
    await cluster.apply([configMap('patient', 'default')]);
    expect(performance.now() - started).toBeGreaterThan(19_000);
    await back;
    expect(await cluster.read('v1', 'ConfigMap', 'patient', 'default')).toBeDefined();
  });

  it('is not used when its kubeconfig points to a cluster that we did not make', async () => {
    const file = kubeconfigOf(lab, 'main');
    const own = await readFile(file, 'utf8');
    await writeFile(file, own.replaceAll(`kind-${kindName(lab, 'main')}`, 'production'));
    await expect(upLab({ name: lab, topology: 'solo', say })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('"production", which meshwitness did not make'),
    });
    await writeFile(file, own);
  });

  it('tells at once when the engine goes away', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'engine-'));
    await using engine = await throughProxy(join(folder, 'docker.sock'));
    vi.stubEnv('DOCKER_HOST', `unix://${engine.socket}`);
    using watch = watchLab(lab, ['main']);
    vi.unstubAllEnvs();
    await until('the watch to begin', async () => (engine.used() ? { done: true } : { seen: 'no request' }), soon);
    expect(watch.gone.aborted).toBe(false);
    await engine.goAway();
    await until('the watch to tell', async () => (watch.gone.aborted ? { done: true } : { seen: 'nothing' }), soon);
    expect(watch.gone.reason).toMatchObject({
      exitCode: 3,
      message: 'the Docker engine went away while it was needed',
    });
    await rm(folder, { recursive: true, force: true });
  });

  it('tells at once when a node stops, shows as partly, and the next run replaces it', async () => {
    using watch = watchLab(lab, ['main']);
    await docker`docker stop --time 0 ${nodeName(lab, 'main')}`;
    await until('the watch to tell', async () => (watch.gone.aborted ? { done: true } : { seen: 'nothing' }), soon);
    expect(watch.gone.reason).toMatchObject({
      exitCode: 3,
      message: `node ${nodeName(lab, 'main')} of lab ${lab} stopped while it was needed`,
    });
    expect((await labStatuses()).find(({ name }) => name === lab)?.state).toBe('partly');
  });

  it('is replaced, after saying so, by one made from something else, while another comes up beside it', async () => {
    const solo = await readTopology('solo');
    const pair: Topology = {
      ...solo,
      clusters: [
        { name: 'one', podSubnet: '10.21.0.0/16', serviceSubnet: '10.121.0.0/16' },
        { name: 'two', podSubnet: '10.22.0.0/16', serviceSubnet: '10.122.0.0/16' },
      ],
    };
    said.length = 0;
    const [both, other] = await Promise.all([
      upKind({ name: lab, topology: 'solo', say }, pair, parts),
      upLab({ name: beside, topology: 'solo', say }),
    ]);
    expect(said).toContain(`replacing lab ${lab}: it was made from something else`);
    expect([...both.clusters.keys()]).toEqual(['one', 'two']);
    expect(mainOf(other).name).toBe('main');
    // Nodes of one lab reach each other by name.
    const api = `https://${nodeName(lab, 'two')}:6443/readyz`;
    const { stdout } = await docker`docker exec ${nodeName(lab, 'one')} curl --silent --insecure ${api}`;
    expect(stdout).toBe('ok');
    const states = (await labStatuses()).filter(({ name }) => name === lab || name === beside);
    expect(states.map(({ state, nodes }) => [state, nodes.length])).toEqual([
      ['up', 2],
      ['up', 1],
    ]);
  });

  it('goes down without a rest, and leaves the other lab alone', async () => {
    const mounts = `{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}`;
    const inspected = await docker`docker inspect --format ${mounts} ${nodeName(lab, 'one')}`;
    const volumes = inspected.stdout.trim().split(' ');
    await downKind(lab);
    const { stdout: containers } = await docker`docker ps --all --format ${'{{.Names}}'}`;
    expect(containers.split('\n').filter((name) => name.startsWith(`mw-${lab}-`))).toEqual([]);
    const { stdout: networks } = await docker`docker network ls --format ${'{{.Name}}'}`;
    expect(networks.split('\n')).not.toContain(networkName(lab));
    const { stdout: left } = await docker`docker volume ls --quiet`;
    expect(volumes.filter((volume) => volume !== '' && left.includes(volume))).toEqual([]);
    await expect(access(labFolder(lab))).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await labStatuses()).map(({ name, state }) => [name, state])).toContainEqual([beside, 'up']);
    await downKind(beside);
  });

  it('never wrote the kubeconfig of the user', async () => {
    expect(await kubeconfigOfUser()).toBe(usersOwn);
  });
});

describe('names that are not ours', () => {
  const name = `v${process.pid}`;

  it('a container: bad input, and nothing is started', async () => {
    const node = nodeName(name, 'main');
    const image = parts.nodeImage;
    await docker`docker create --name ${node} --label ${`${ownerLabel}=`} --entrypoint true ${image}`;
    try {
      await expect(upLab({ name, topology: 'solo', say })).rejects.toMatchObject({
        exitCode: 2,
        message: `a container called ${node} exists that meshwitness did not make`,
      });
      await downKind(name);
      const { stdout } = await docker`docker ps --all --format ${'{{.Names}} {{.State}}'}`;
      expect(stdout.split('\n')).toContain(`${node} created`);
      expect(await readLab(name)).toBeUndefined();
    } finally {
      await docker`docker rm ${node}`;
    }
  });

  it('a network: bad input, and it stays', async () => {
    await docker`docker network create ${networkName(name)}`;
    try {
      await expect(upLab({ name, topology: 'solo', say })).rejects.toMatchObject({
        exitCode: 2,
        message: `a network called ${networkName(name)} exists that meshwitness did not make`,
      });
      await downKind(name);
    } finally {
      await docker`docker network rm ${networkName(name)}`; // fails if down removed it
    }
  });
});

describe('a port that someone takes at the last moment', () => {
  it('is asked for again, and is another one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kind-'));
    const name = `w${process.pid}`;
    const kindBinary = join(folder, 'kind');
    const complaint = 'ERROR: failed to create cluster: Bind for 127.0.0.1:40123 failed: port is already allocated';
    await writeFile(
      kindBinary,
      `#!/bin/sh\n[ -e "$0.asked" ] && exit 0\ntouch "$0.asked"\necho '${complaint}' >&2\nexit 1\n`,
    );
    await chmod(kindBinary, 0o755);
    try {
      await createCluster(
        name,
        { name: 'main', podSubnet: '10.31.0.0/16', serviceSubnet: '10.131.0.0/16' },
        { ...parts, kindBinary },
      );
      expect(await readFile(resolve(labFolder(name), 'main', 'kind.log'), 'utf8')).toContain(complaint);
    } finally {
      await downKind(name);
      await rm(folder, { recursive: true, force: true });
    }
  });
});
