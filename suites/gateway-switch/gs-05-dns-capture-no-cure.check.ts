// Proves that DNS capture is no cure: with a preserved Host the call stays unmatched, whatever resolves the names.
import { z } from 'zod';
import type { Expectation } from '#verdict/expectation.ts';
import { check } from '#verdict/check.ts';
import { answer } from '#verdict/expectation.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered, outcomeText } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { passedThrough, refusedInbound } from '#verdict/expectations/proxy-log.ts';
import { direct, throughEdge } from './semaphore.ts';

/** What Istio allocates from (`pkg/dns`): class E, which no network routes. */
const allocated = '240.240.';
/** Names that only the mesh knows, with their ports; in the manifest of the gateway with DNS capture. */
const entries = { 'without-address': 'directory.semaphore.test:8085', 'with-address': 'archive.semaphore.test:8086' };

export default check({
  id: 'GS-05',
  title: 'Hypothesis A: DNS capture cures the mismatch',
  level: 'core',
  system: 'gateway-switch',
  tags: ['mtls', 'outage', 'dns'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', 'envoy-gateway', 'envoy-gateway-dns', 'auth-identity'],
  story: {
    setUp:
      'STRICT, and two gateways that keep the public Host. They differ in ISTIO_META_DNS_CAPTURE and ISTIO_META_DNS_AUTO_ALLOCATE only: off in one pod, on in the other.',
    sends:
      'GET /auth/login through each. From the pod with DNS capture also a call to a ServiceEntry host without an address, to one with an address, and to a Service.',
    expects:
      'PassthroughCluster both times, and the outage: hypothesis A is refuted. Allocated addresses (240.240.0.0/16) stand behind the ServiceEntry host without an address only.',
    why: 'DNS capture answers names. The cluster is picked by the Host of a request that is already on its way, so the answer changes nothing.',
  },
  params: { captured: 'envoy-gateway-dns:8080' },
  async collect(stage, { captured }) {
    const { names } = stage;
    const login = (door: string) => throughEdge(names, door, '/auth/login', 'auth-identity');
    await stage.apply('permissive');
    await Promise.all([
      ...Object.entries(entries).map(([name, host]) =>
        stage.call(name, { from: 'envoy-gateway-dns', to: 'auth-identity', url: `http://${host}/auth/login` }),
      ),
      stage.call('service', direct(names, 'envoy-gateway-dns', 'auth-identity', '/auth/login')),
    ]);
    const controls = { off: login('envoy-gateway:8080'), on: login('envoy-gateway-dns:8080') };
    await stage.between({ under: 'strict', back: 'permissive' }, controls, async () => {
      await Promise.all([
        stage.call('capture-off', login('envoy-gateway:8080')),
        stage.call('capture-on', login(captured)),
      ]);
      stage.record('dns-capture', {
        off: dnsFlags(await stage.adminPage('envoy-gateway', '/server_info')),
        on: dnsFlags(await stage.adminPage('envoy-gateway-dns', '/server_info')),
      });
    });
  },
  judge: ({ probe, probes, fact }) => {
    const outage = [
      answered(503, 'reset reason: connection termination'),
      refusedInbound('auth-identity'),
      notReceivedBy('auth-identity'),
    ];
    return [
      fact('dns-capture', toggled),
      probes('off-', answered(200), passedThrough('envoy-gateway'), receivedBy('auth-identity')),
      probes('on-', answered(200), passedThrough('envoy-gateway-dns'), receivedBy('auth-identity')),
      probe('capture-off', passedThrough('envoy-gateway', { flag: 'UC' }), ...outage),
      probe('capture-on', refuted, ...outage),
      probe('without-address', answered(200), calledAddress(true)),
      probe('with-address', answered(200), calledAddress(false)),
      probe('service', answered(200), calledAddress(false)),
    ];
  },
  twins: [
    {
      name: 'matched',
      sabotage: 'With DNS capture on, the call does become matched (here because the Host is rewritten as well).',
      breaks: 'hypothesis-refuted',
      on: 'capture-on',
      only: true,
      params: { captured: 'envoy-gateway-dns:8090' },
    },
  ],
});

/** The hypothesis in words: a cluster of the registry would confirm it, and that must be loud. */
const refuted: Expectation = (probe) =>
  passedThrough('envoy-gateway-dns', { flag: 'UC' })(probe).map((found) => ({
    ...found,
    expectation: 'hypothesis-refuted',
    expected: `A refuted: ${found.expected}`,
    seen: found.state === 'broken' && found.seen.startsWith('outbound|') ? `A confirmed: ${found.seen}` : found.seen,
  }));

/** The address that the name stood for was allocated by the mesh, or was not. */
const calledAddress =
  (byMesh: boolean): Expectation =>
  ({ client, from }) => {
    const { remote } = client;
    const expected = byMesh ? `an allocated address, ${allocated}0.0/16` : 'an address of its own';
    const met = remote !== undefined && remote.address.startsWith(allocated) === byMesh;
    const question = {
      expectation: byMesh ? 'allocated-address' : 'own-address',
      kind: 'client',
      from,
      expected,
    } as const;
    return [answer(question, met, remote?.address ?? outcomeText(client))];
  };

const flags = z.object({ capture: z.string().nullable(), allocate: z.string().nullable() });

const toggled = factIs({
  expectation: 'dns-capture-toggled',
  kind: 'object',
  from: '/server_info of the two sidecars',
  expected: 'capture and allocation off in one, on in the other',
  shape: z.object({ off: flags, on: flags }),
  met: ({ off, on }) =>
    Object.values(off).every((each) => each !== 'true') && Object.values(on).every((each) => each === 'true'),
});

const serverInfo = z.object({
  node: z.object({
    metadata: z.looseObject({ DNS_CAPTURE: z.string().optional(), DNS_AUTO_ALLOCATE: z.string().optional() }),
  }),
});

/** What a sidecar says of itself: the flags as it was started with. */
function dnsFlags(page: string): z.infer<typeof flags> {
  const { DNS_CAPTURE: capture = null, DNS_AUTO_ALLOCATE: allocate = null } = serverInfo.parse(JSON.parse(page)).node
    .metadata;
  return { capture, allocate };
}
