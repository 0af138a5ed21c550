import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { watchNamespace } from '#diagnose/watch-namespace.ts';
import { Cluster, KeptConfig } from '#lab/cluster.ts';

// An API server that knows one namespace, and tunnels nowhere. What it is asked is kept.
const pod = (name: string, sidecar: boolean) => ({
  metadata: { name, namespace: 'shop', labels: { app: name } },
  spec: { containers: [{ name: 'app' }, ...(sidecar ? [{ name: 'istio-proxy' }] : [])] },
  status: { phase: 'Running', podIP: '10.1.0.9' },
});
let pods: unknown[];
let allowed: boolean;
const asked: string[] = [];
let config: KeptConfig;

const api = createServer((request, response) => {
  const path = (request.url ?? '').split('?')[0] ?? '';
  asked.push(`${request.method} ${path}`);
  const answers: Record<string, unknown> = {
    '/api/v1': {
      resources: [
        { name: 'pods', kind: 'Pod', namespaced: true },
        { name: 'namespaces', kind: 'Namespace', namespaced: false },
      ],
    },
    '/api/v1/namespaces/shop/pods': { items: pods },
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews': { status: { allowed } },
  };
  const found = answers[path];
  response
    .writeHead(found ? 200 : 404, { 'content-type': 'application/json' })
    .end(JSON.stringify(found ?? { kind: 'Status' }));
});
beforeAll(async () => {
  await new Promise<void>((done) => api.listen(0, '127.0.0.1', done));
  config = new KeptConfig();
  config.loadFromClusterAndUser(
    { name: 'main', server: `http://127.0.0.1:${(api.address() as AddressInfo).port}`, skipTLSVerify: true },
    { name: 'reader' },
  );
});
afterAll(() => api.close());
beforeEach(() => {
  asked.length = 0;
  pods = [pod('catalogue', true), pod('cron', false)];
  allowed = true;
});

const watch = (more: { workload?: string } = {}) =>
  watchNamespace(new Cluster('main', config), {
    namespace: 'shop',
    watchMs: 0,
    reachPods: false,
    lifetimeSeconds: 0,
    signal: new AbortController().signal,
    ...more,
  });

describe('watching a namespace', () => {
  it('asks first whether it may, and says in one line that it may not', async () => {
    allowed = false;
    await expect(watch()).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/may not forward ports in namespace shop \(pods\/portforward\)$/),
      hint: expect.stringContaining('auth can-i get pods/portforward -n shop'),
    });
    expect(asked.some((each) => each.includes('/portforward'))).toBe(false);
  });

  it('ends with one line when no tunnel comes to be', async () => {
    await expect(watch()).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/no proxy of namespace shop answers on its admin port 15000/),
      hint: expect.stringContaining('port-forward catalogue 15000'),
    });
  });

  it('names the workloads that there are', async () => {
    await expect(watch({ workload: 'cron' })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('has no workload "cron" with a sidecar: there are catalogue'),
    });
    pods = [pod('cron', false)];
    await expect(watch()).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('has no pod with a sidecar'),
    });
  });
});
