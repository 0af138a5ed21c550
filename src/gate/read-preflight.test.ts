import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cluster, KeptConfig } from '#lab/cluster.ts';
import { decidePreflight } from '#gate/preflight.ts';
import { readPreflight } from '#gate/read-preflight.ts';

// An API server that hands out one namespace: what it answers is set by each test, what it was asked is kept.
let answers: Record<string, { status: number; body: unknown }> = {};
const asked: string[] = [];
let config: KeptConfig;

const api = createServer((request: IncomingMessage, response: ServerResponse) => {
  const path = (request.url ?? '').split('?')[0] ?? '';
  asked.push(`${request.method} ${path}`);
  const found = answers[path] ?? { status: 404, body: { kind: 'Status', message: `no ${path}` } };
  const text = typeof found.body === 'string' ? found.body : JSON.stringify(found.body);
  response.writeHead(found.status, { 'content-type': 'application/json' }).end(text);
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

const meshed = {
  metadata: { name: 'auth-1', namespace: 'sem', labels: { app: 'auth' } },
  spec: { containers: [{ name: 'app', ports: [{ containerPort: 8081 }] }, { name: 'istio-proxy' }] },
  status: { phase: 'Running', podIP: '10.1.0.9' },
};
const line = (tls: string | null): string =>
  `${JSON.stringify({
    startTime: new Date().toISOString(),
    upstreamCluster: 'inbound|8081||',
    downstreamLocalAddress: '10.1.0.9:8081',
    downstreamRemoteAddress: '10.1.0.7:40000',
    downstreamTlsVersion: tls,
  })}\n`;
const list = (items: unknown[]) => ({ status: 200, body: { items } });
const forbidden = { status: 403, body: { kind: 'Status', message: 'forbidden' } };
const resources = (names: [name: string, kind: string][]) => ({
  status: 200,
  body: { resources: names.map(([name, kind]) => ({ name, kind, namespaced: name !== 'namespaces' })) },
});
const logPath = '/api/v1/namespaces/sem/pods/auth-1/log';

beforeEach(() => {
  asked.length = 0;
  answers = {
    '/api/v1': resources([
      ['pods', 'Pod'],
      ['services', 'Service'],
      ['namespaces', 'Namespace'],
    ]),
    '/apis/security.istio.io/v1': resources([['peerauthentications', 'PeerAuthentication']]),
    '/api/v1/namespaces/sem/pods': list([meshed]),
    '/api/v1/pods': list([meshed]),
    '/api/v1/namespaces/sem/services': list([]),
    '/apis/security.istio.io/v1/namespaces/sem/peerauthentications': list([]),
    '/apis/security.istio.io/v1/namespaces/istio-system/peerauthentications': list([]),
    [logPath]: { status: 200, body: line('TLSv1.3') },
  };
});

const read = () =>
  readPreflight(new Cluster('main', config), {
    namespace: 'sem',
    since: new Date(Date.now() - 60_000),
    signal: new AbortController().signal,
  });

describe('reading a namespace before the flip', () => {
  it('finds who speaks plaintext, and only ever reads', async () => {
    answers[logPath] = { status: 200, body: line('TLSv1.3') + line(null) };
    const facts = await read();
    expect(facts.proxies).toMatchObject([{ state: 'told', calls: 2 }]);
    expect(facts.plaintext).toMatchObject([{ address: '10.1.0.7', destination: 'auth-1', port: 8081, count: 1 }]);
    expect(decidePreflight(facts).verdict).toBe('NO-GO');
    expect(asked.filter((each) => !each.startsWith('GET '))).toEqual([]);
  });

  it('does without the pods of other namespaces, and says so', async () => {
    answers['/api/v1/pods'] = forbidden;
    const facts = await read();
    expect(decidePreflight(facts).verdict).toBe('GO');
    expect(facts.notes.join()).toContain('may not list pods of other namespaces');
  });

  it.each([
    ['pods', '/api/v1/namespaces/sem/pods', /may not list pods in namespace sem/],
    ['logs', logPath, /may not read logs in namespace sem/],
    [
      'policies',
      '/apis/security.istio.io/v1/namespaces/sem/peerauthentications',
      /may not list PeerAuthentications in namespace sem/,
    ],
  ])('ends with one line where %s may not be read', async (_, path, message) => {
    answers[path] = forbidden;
    await expect(read()).rejects.toMatchObject({ exitCode: 3, message: expect.stringMatching(message) });
  });

  it('ends with one line for a namespace that does not exist, or has no proxy', async () => {
    answers['/api/v1/namespaces/sem/pods'] = list([]);
    await expect(read()).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('has no namespace') });
    answers['/api/v1/namespaces/sem'] = { status: 200, body: { metadata: { name: 'sem' } } };
    await expect(read()).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('no pod with a sidecar'),
    });
  });

  it('ends with one line where there is no Istio', async () => {
    delete answers['/apis/security.istio.io/v1'];
    await expect(read()).rejects.toMatchObject({ exitCode: 3, message: expect.stringContaining('is Istio installed') });
  });

  it('asks an older Istio for the version that it serves', async () => {
    delete answers['/apis/security.istio.io/v1'];
    answers['/apis/security.istio.io/v1beta1'] = resources([['peerauthentications', 'PeerAuthentication']]);
    for (const namespace of ['sem', 'istio-system'])
      answers[`/apis/security.istio.io/v1beta1/namespaces/${namespace}/peerauthentications`] = list([]);
    expect(decidePreflight(await read()).verdict).toBe('GO');
  });

  it('leaves it open when a log is text, or breaks off', async () => {
    answers[logPath] = { status: 200, body: '[2026-11-21T03:40:00.123Z] "GET / HTTP/1.1" 200 - via_upstream\n' };
    expect(decidePreflight(await read())).toMatchObject({
      verdict: 'INCONCLUSIVE',
      reasons: [expect.anything(), expect.stringContaining('not JSON')],
    });
    answers[logPath] = { status: 500, body: { message: 'kubelet is away' } };
    const facts = await read();
    expect(facts.proxies[0]).toMatchObject({ state: 'unread', reason: expect.stringContaining('answered 500') });
  });
});
