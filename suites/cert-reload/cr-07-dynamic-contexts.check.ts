// Proves that every TLS context of a sidecar is fed by SDS, and that a proxy with certificates from files is found before they expire.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { cannotReload, tlsInventory } from '#witness/certificates/tls-contexts.ts';

const admins = { 'front-end': 15_000, catalogue: 15_000, 'static-files': 9901 } as const;

export default check({
  id: 'CR-07',
  title: 'Are the contexts dynamic?',
  level: 'core',
  system: 'cert-reload',
  tags: ['certificates', 'configuration'],
  needs: ['istio', 'sidecar'],
  channels: ['current'],
  scene: 'sock-shop',
  uses: ['issuer', 'handshaker', 'front-end', 'catalogue', 'static-files'],
  story: {
    setUp:
      'Two sidecars on the socket of the issuer, and a plain Envoy whose listener reads a valid certificate from files.',
    sends: 'Nothing: bootstrap and running configuration of each are read.',
    expects:
      'Sidecars: every listener and cluster with TLS asks the cluster sds-grpc for its certificate, and that one is the workload socket. The plain Envoy is listed as unable to reload, while its certificate is still valid.',
    why: 'A certificate that no SDS feeds stays what it was at start, and nothing tells so until it expires.',
  },
  params: { subject: 'catalogue' },
  async collect(stage) {
    await Promise.all(
      Object.entries(admins).map(async ([workload, port]) => {
        const inventory = tlsInventory(await stage.adminPage(workload, '/config_dump', port));
        const pinned = cannotReload(inventory).map(({ kind, name, pinned: [first] }) => ({
          context: `${kind} ${name}`,
          notAfter: first?.leaf?.notAfter ?? null,
          file: first?.file ?? null,
        }));
        const fed = inventory.contexts.filter(({ secrets }) => secrets.length > 0);
        const from = [...new Set(fed.flatMap(({ secrets }) => secrets.map((each) => each.from)))];
        stage.record(workload, {
          contexts: inventory.contexts.length,
          listeners: fed.filter(({ kind }) => kind === 'listener').length,
          clusters: fed.filter(({ kind }) => kind === 'cluster').length,
          from,
          socket: inventory.sockets['sds-grpc'] ?? null,
          pinned,
        });
      }),
    );
  },
  judge: ({ fact, params: { subject } }) => [
    ...['front-end', subject].map((workload) => fact(workload, everyContextFed(workload))),
    fact('front-end', asksWorkloadSocket('front-end')),
    fact('static-files', listedAsStatic),
  ],
  twins: [
    {
      name: 'static-files',
      sabotage: 'The proxy reads its certificate from files.',
      breaks: 'contexts-dynamic',
      params: { subject: 'static-files' },
    },
  ],
});

const inventory = z.object({
  contexts: z.number(),
  listeners: z.number(),
  clusters: z.number(),
  from: z.array(z.string()),
  socket: z.string().nullable(),
  pinned: z.array(z.object({ context: z.string(), notAfter: z.string().nullable(), file: z.string().nullable() })),
});

const everyContextFed = (workload: string) =>
  factIs({
    expectation: 'contexts-dynamic',
    kind: 'certificate',
    from: `configuration of ${workload}`,
    expected: 'every TLS context of listeners and clusters fed by SDS',
    shape: inventory,
    met: ({ contexts, listeners, clusters, pinned }) =>
      contexts > 0 && pinned.length === 0 && listeners > 0 && clusters > 0,
    seen: ({ listeners, clusters, pinned }) =>
      pinned.length > 0
        ? `cannot reload: ${pinned.map(({ context, file }) => `${context} (${file ?? 'inline'})`).join(', ')}`
        : `${listeners} listeners and ${clusters} clusters, all fed`,
  });

const asksWorkloadSocket = (workload: string) =>
  factIs({
    expectation: 'asks-workload-socket',
    kind: 'certificate',
    from: `bootstrap of ${workload}`,
    expected: 'sds-grpc on the workload socket, and no other source',
    shape: inventory,
    met: ({ socket, from }) =>
      socket?.endsWith('workload-spiffe-uds/socket') === true && from.every((each) => each === 'sds-grpc'),
    seen: ({ socket, from }) => `${from.join(', ')} on ${socket ?? 'no socket'}`,
  });

const listedAsStatic = factIs({
  expectation: 'static-listed',
  kind: 'certificate',
  from: 'configuration of static-files',
  expected: 'a context that cannot reload, listed before its certificate ends',
  shape: inventory,
  met: ({ pinned }) => pinned.length > 0,
  seen: ({ pinned }) => pinned.map(({ context, file }) => `${context} reads ${file ?? 'its configuration'}`).join(', '),
});
