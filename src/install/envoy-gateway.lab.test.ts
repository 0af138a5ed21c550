import { CoreV1Api } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { $ } from 'zx/core';
import { addOnParts, askAddOns, installAddOns } from '#install/add-ons.ts';
import { askEnvoyGateway } from '#install/envoy-gateway-facts.ts';
import { envoyGatewayImages, envoyGatewayNamespace, gatewayClass } from '#install/envoy-gateway-names.ts';
import { ensureEnvoyGateway, type EnvoyGatewayParts } from '#install/envoy-gateway-parts.ts';
import { installEnvoyGateway } from '#install/envoy-gateway.ts';
import { addressRange } from '#install/metallb-range.ts';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { downKind } from '#lab/down.ts';
import { networkName } from '#lab/engine-objects.ts';
import { Forwards } from '#lab/forward.ts';
import { bringImages } from '#lab/images.ts';
import { nodeNetwork } from '#lab/node-network.ts';
import { upLab } from '#lab/up.ts';
import { ensureEngine } from '#machine/engine.ts';
import { nameInNodes } from '#machine/image-names.ts';
import { ensureParts } from '#machine/parts.ts';
import { loadVersions } from '#machine/versions.ts';
import { ownerLabel } from '#support/paths.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';

const lab = `g${process.pid}`;
const namespace = 'gateways';
const say = (): void => undefined;
const docker = $({ quiet: true, timeout: timeouts.workloadReadyMs });
const needs = ['load-balancer'];

let cluster: Cluster;
let parts: EnvoyGatewayParts;
/** An image with curl, for a client that stands beside the node. */
let client: string;
beforeAll(async () => {
  await ensureEngine({ say });
  const wanted = [...addOnParts(needs), ...envoyGatewayImages()];
  const [versions, ready] = await Promise.all([loadVersions(), ensureParts(wanted)]);
  parts = await ensureEnvoyGateway();
  client = ready.get('envoy-gateway-image')?.reference ?? '';
  const { clusters } = await upLab({ name: lab, topology: 'solo', say });
  cluster = clusters.get('main') as Cluster;
  const images = wanted.map((part) => ({
    reference: ready.get(part)?.reference ?? '',
    name: nameInNodes(versions, part),
  }));
  await bringImages(cluster, images);
});
afterAll(() => downKind(lab));

interface Gateway extends Manifest {
  status?: { addresses?: { value: string }[]; conditions?: { type: string; status: string; message?: string }[] };
}

const metadata = (name: string) => ({ name, namespace });
const objects = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { [ownerLabel]: 'meshwitness' } } },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata('echo'), labels: { app: 'echo' } },
    spec: {
      containers: [{ name: 'app', image: 'meshwitness.local/fixture:local', args: ['fault', '--http', '8080'] }],
      terminationGracePeriodSeconds: 1,
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata('echo'),
    spec: { selector: { app: 'echo' }, ports: [{ name: 'http', port: 8080 }] },
  },
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: metadata('public'),
    spec: { gatewayClassName: gatewayClass, listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
  },
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: metadata('echo'),
    spec: {
      parentRefs: [{ name: 'public' }],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/echo' } }],
          backendRefs: [{ name: 'echo', port: 8080 }],
        },
      ],
    },
  },
] as Manifest[];

async function programmed(): Promise<string> {
  const look = async () => {
    const gateway = await cluster.read<Gateway>('gateway.networking.k8s.io/v1', 'Gateway', 'public', namespace);
    const condition = gateway?.status?.conditions?.find(({ type }) => type === 'Programmed');
    const address = gateway?.status?.addresses?.[0]?.value;
    return condition?.status === 'True' && address !== undefined
      ? { done: address }
      : { seen: condition?.message ?? 'not yet looked at' };
  };
  return until('the Gateway to be programmed', look, { timeoutMs: timeouts.gatewayProgrammedMs });
}

/** A call from beside the node: the address has to be found in the network, not only inside the node. */
async function call(address: string, path: string, probe: string): Promise<string> {
  const ask = ['--silent', '--max-time', '5', '--output', '/dev/null', '--write-out', '%{http_code}'];
  const header = `x-meshwitness-probe: ${probe}`;
  const network = networkName(lab);
  const { stdout } =
    await docker`docker run --rm --label ${ownerLabel}=meshwitness --network ${network} --entrypoint curl ${client} ${ask} --header ${header} ${`http://${address}${path}`}`.nothrow();
  return stdout;
}

async function logged(probe: string): Promise<Record<string, unknown>> {
  const selector = `gateway.envoyproxy.io/owning-gateway-name=public`;
  const look = async () => {
    const [pod] = await cluster.list<Manifest>('v1', 'Pod', envoyGatewayNamespace, selector);
    if (!pod) return { seen: 'no proxy' };
    const read = { name: pod.metadata.name, namespace: envoyGatewayNamespace, container: 'envoy' };
    const log = await cluster.config.makeApiClient(CoreV1Api).readNamespacedPodLog(read);
    const line = log.split('\n').find((each) => each.startsWith('{') && each.includes(probe));
    return line === undefined ? { seen: 'no such line' } : { done: JSON.parse(line) as Record<string, unknown> };
  };
  return until(`the access log to tell of ${probe}`, look, { timeoutMs: timeouts.accessLogMs });
}

describe('Envoy Gateway and MetalLB, installed', { sequential: true }, () => {
  it('neither is there before', async () => {
    expect(await askAddOns(cluster)).toEqual([]);
    await using forwards = new Forwards(cluster);
    await expect(askEnvoyGateway(cluster, forwards)).rejects.toMatchObject({ exitCode: 3 });
  });

  it('give addresses, and stay as they are when asked for again', async () => {
    const [brought, installed] = await Promise.all([
      installAddOns(cluster, needs),
      installEnvoyGateway(cluster, parts),
    ]);
    expect([brought, installed]).toEqual([needs, true]);
    expect(await askAddOns(cluster)).toEqual(needs);
    const read = () => cluster.read<Manifest>('apps/v1', 'Deployment', 'envoy-gateway', envoyGatewayNamespace);
    const before = await read();
    expect(await installEnvoyGateway(cluster, parts)).toBe(false);
    expect(await read()).toEqual(before);
  });

  it('say what they are', async () => {
    await using forwards = new Forwards(cluster);
    const facts = await askEnvoyGateway(cluster, forwards);
    expect(facts.versions.envoyGateway).toMatch(/^v\d+\.\d+\.\d+/);
    expect(facts.versions.gatewayApi).toMatch(/^v\d+\.\d+\.\d+ experimental$/);
    expect(facts.gatewayClasses).toEqual([gatewayClass]);
    expect(facts.capabilities).toEqual(['envoy-gateway', 'oidc']);
    expect(facts.served).toEqual(
      expect.arrayContaining([
        'gateway.envoyproxy.io/v1alpha1 SecurityPolicy',
        'gateway.networking.k8s.io/v1 BackendTLSPolicy',
        'gateway.networking.k8s.io/v1 HTTPRoute',
      ]),
    );
  });

  it('serve a Gateway at an address of the range, and log by probe', async () => {
    await cluster.apply(objects);
    const address = await programmed();
    const number = (text: string) => text.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
    const { first, last } = addressRange(await nodeNetwork(cluster.node ?? ''));
    expect(number(address)).toBeGreaterThanOrEqual(number(first));
    expect(number(address)).toBeLessThanOrEqual(number(last));
    const answered = async () => {
      const status = await call(address, '/echo', 'mw-eg-first');
      return status === '200' ? { done: status } : { seen: `status ${status}` };
    };
    await until('the route to answer', answered, { timeoutMs: timeouts.workloadReadyMs });
    expect(await call(address, '/echo', 'mw-eg-found')).toBe('200');
    expect(await logged('mw-eg-found')).toMatchObject({
      path: '/echo',
      responseCode: 200,
      upstreamCluster: expect.stringContaining(`httproute/${namespace}/echo/rule/0`),
    });
    expect(await call(address, '/elsewhere', 'mw-eg-lost')).toBe('404');
    expect(await logged('mw-eg-lost')).toMatchObject({ responseFlags: 'NR', responseCodeDetails: 'route_not_found' });
  });

  it('run proxies that answer on their admin port, with the Envoy that was asked for', async () => {
    const [pod] = await cluster.list<Manifest>(
      'v1',
      'Pod',
      envoyGatewayNamespace,
      'gateway.envoyproxy.io/owning-gateway-name=public',
    );
    await using forwards = new Forwards(cluster);
    const admin = await forwards.to(envoyGatewayNamespace, pod?.metadata.name ?? '', 19_000);
    const { version } = await admin.json<{ version: string }>('/server_info');
    expect(version).toContain(`/${parts.envoy.split(':').at(-1)}/`);
  });
});
