// Proves that a healthy issuer outside of Istio renews every proxy in time, and that TLS contexts of both sides really change.
import { check } from '#verdict/check.ts';
import { sources } from '#support/certificates.ts';
import { ledgerComplete, zeroFailures } from '#verdict/expectations/load.ts';
import { certificates, loadParts } from './course.ts';
import { ofFirstLifetimes } from './expect/ask.ts';
import { neverFailed } from './expect/calls.ts';
import { renewedInTime, sourcesAgree } from './expect/certificates.ts';
import { rose } from './expect/issuer.ts';

const uses = ['issuer', 'handshaker', 'front-end', 'catalogue', 'catalogue-restarted', 'carts'];

export default check({
  id: 'CR-03',
  title: 'Rotation with the external SDS server',
  level: 'core',
  system: 'cert-reload',
  tags: ['certificates', 'rotation', 'sds', 'load'],
  needs: ['istio', 'sidecar'],
  channels: ['current'],
  scene: 'sock-shop',
  uses,
  parts: loadParts,
  story: {
    setUp:
      'An SDS server outside of Istio on the workload socket of each proxy signs for a minute and pushes a new pair at 0.45 of the lifetime.',
    sends:
      'A call a second from front-end to catalogue over an open and over a fresh upstream connection, and handshakes with both pods.',
    expects:
      'Three renewals or more by issuer, dump, /certs and handshake, each before the expiry of the one before; all four end on one serial; ssl_context_update_by_sds rises for server and client contexts; no failed call.',
    why: 'Only a serial that a fresh handshake is served proves that a pushed certificate is in use.',
  },
  params: { server: 'catalogue' },
  async collect(stage) {
    await stage.course(certificates, uses);
  },
  judge: ({ fact, load, params: { server } }) => [
    ...['kept', 'fresh'].flatMap((connections) =>
      load(`catalogue-${connections}`, zeroFailures, ledgerComplete('catalogue')),
    ),
    ['front-end', server].flatMap((workload) =>
      sources.flatMap((source) => fact('course', renewedInTime(workload, source, 3))),
    ),
    ['front-end', server].flatMap((workload) => fact('course', ofFirstLifetimes(2.6, sourcesAgree(workload)))),
    fact('course', rose(server, 'server_ssl_socket_factory.ssl_context_update_by_sds', 3, 'server-contexts-updated')),
    fact('course', rose('front-end', 'cluster.outbound.ssl_context_update_by_sds', 3, 'client-contexts-updated')),
    fact('course', neverFailed('front-end', server, 'fresh')),
    fact('course', neverFailed('front-end', server, 'keep-alive')),
  ],
  twins: [
    {
      name: 'silent-issuer',
      sabotage: 'The issuer of the server keeps its stream open and pushes nothing more.',
      breaks: 'renewed-in-time',
      params: { server: 'carts' },
    },
  ],
});
