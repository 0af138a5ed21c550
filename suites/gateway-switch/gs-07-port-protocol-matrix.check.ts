// Proves cell by cell what picks the outbound cluster: the Host where HTTP is declared, the address where it is not.
import { check, type Seen } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { matchedCluster, passedThrough, refusedInbound } from '#verdict/expectations/proxy-log.ts';
import type { CallPlan } from '#verdict/stage.ts';
// Measured, one table for each Istio version. After a change that is meant, `scripts/record-matrix.ts` writes it anew.
import recorded from './gs-07-port-protocol-matrix.json' with { type: 'json' };
import { publicHost } from './semaphore.ts';

/** The Services of port-protocols.yaml: how the port is declared, and what is called. */
const services = {
  'named-http': 'named-http:8101',
  'named-http-headless': 'named-http-headless:8111',
  'app-protocol': 'app-protocol:8102',
  'app-protocol-headless': 'app-protocol-headless:8112',
  sniffed: 'sniffed:8103',
  'sniffed-headless': 'sniffed-headless:8113',
  'named-tcp': 'named-tcp:8104',
  'named-tcp-headless': 'named-tcp-headless:8114',
} as const;
const hosts = ['kept', 'rewritten'] as const;
const cells = Object.keys(services).flatMap((service) =>
  hosts.map((host) => ({ service, host, name: `${service}-${host}` })),
);
/** Where HTTP is declared, the public Host is refused under STRICT; the same calls are made before and after, without it. */
const refused = cells.filter(({ service, host }) => host === 'kept' && !/^(sniffed|named-tcp)/.test(service));
const backend = 'port-protocols';

export default check({
  id: 'GS-07',
  title: 'Port protocol by Host matrix',
  level: 'core',
  system: 'gateway-switch',
  tags: ['mtls', 'protocol', 'matrix'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', 'envoy-gateway', backend],
  story: {
    setUp:
      'One application under STRICT behind eight Services: a port named http, one with appProtocol http, one unnamed (sniffed), one named tcp; each with an address and headless.',
    sends:
      'Sixteen requests from the pod of the gateway, past its Envoy and through its sidecar: to each Service with the public Host, and with the Host of the Service. Those that are to be refused also before and after, without STRICT.',
    expects:
      'Each leaves by the cluster that was measured for its cell under this Istio version. What leaves by PassthroughCluster is refused; all else is answered.',
    why: 'Where HTTP is declared, the Host picks the cluster; for tcp and for a sniffed port with an address, the address does. An upgrade that moves one cell moves traffic in or out of mTLS.',
  },
  params: { sniffed: 'sniffed:8103' },
  async collect(stage, { sniffed }) {
    const called: Record<string, string> = { ...services, sniffed };
    const plan = ({ service, host }: (typeof cells)[number]) => callTo(stage.names, called[service] ?? '', host);
    const controls = Object.fromEntries(refused.map((each) => [each.name, plan(each)]));
    await stage.between({ under: 'strict' }, controls, () =>
      Promise.all(cells.map((each) => stage.call(each.name, plan(each)))),
    );
  },
  judge: (seen) => [
    ...refused.flatMap(({ name }) =>
      ['before', 'after'].map((when) => seen.probe(`${name}-${when}`, answered(204), receivedBy(backend))),
    ),
    ...cells.map(({ name }) => cell(seen, name)),
  ],
  twins: [
    {
      name: 'port-named',
      sabotage: 'Somebody names the sniffed port http: from then on the Host decides, and the public one is unknown.',
      breaks: 'matched-cluster',
      on: 'sniffed-kept',
      only: true,
      params: { sniffed: 'sniffed-no-more:8105' },
    },
  ],
});

/** One cell under its stored cluster name, in which the called host and port are left open. */
function cell({ evidence, probe }: Seen, name: string) {
  const { product = '' } = evidence;
  const table: Record<string, string> = recorded[product as keyof typeof recorded] ?? {};
  const called = new URL(
    evidence.probes.find((each) => each.name === name)?.request.url ?? 'http://nothing.was.called',
  );
  const cluster = (table[name] ?? `nothing recorded for ${product}`)
    .replace('${port}', called.port)
    .replace('${host}', called.hostname);
  if (cluster === 'PassthroughCluster')
    return probe(
      name,
      passedThrough('envoy-gateway', { flag: 'UC' }),
      answered(503, 'reset reason: connection termination'),
      refusedInbound(backend),
      notReceivedBy(backend),
    );
  return probe(name, matchedCluster('envoy-gateway', cluster), answered(204), receivedBy(backend));
}

function callTo(names: Record<string, string>, service: string, host: string): CallPlan {
  const [name = '', port = ''] = service.split(':');
  const authority = `${name}.${names['namespace']}.svc.cluster.local:${port}`;
  // Answers without a body: there are many, and what was received is in the receipts.
  const headers = { host: host === 'kept' ? publicHost : authority, 'x-meshwitness-status': '204' };
  return { from: 'envoy-gateway', to: backend, url: `http://${authority}/matrix`, headers };
}
