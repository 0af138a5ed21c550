// Proves that certificates of Istio's own CA with a lifetime of a minute are renewed in time, under load, without a failed call.
import { check } from '#verdict/check.ts';
import { ledgerComplete, zeroFailures } from '#verdict/expectations/load.ts';
import { certificates, loadParts } from './course.ts';
import { alarmedBeforeFailure } from './expect/alarms.ts';
import { ask } from './expect/ask.ts';
import { neverFailed } from './expect/calls.ts';
import { renewedInTime } from './expect/certificates.ts';
import { proxyOf } from './sock-shop.ts';

const uses = ['handshaker', 'built-in-client', 'built-in-server', 'built-in-refused'];

export default check({
  id: 'CR-02',
  title: 'Rotation with the built-in CA at short TTL',
  level: 'core',
  system: 'cert-reload',
  tags: ['certificates', 'rotation', 'load'],
  needs: ['istio', 'sidecar'],
  scene: 'sock-shop',
  uses,
  parts: loadParts,
  story: {
    setUp:
      'SECRET_TTL=60s and SECRET_GRACE_PERIOD_RATIO=0.5 on client and server: Istio signs for a minute, the agents renew at half of it. A third workload loses its ServiceAccount, so that istiod refuses to sign for it.',
    sends:
      'A call a second over an open and over a fresh upstream connection, and a handshake with each pod every four seconds.',
    expects:
      'Three renewals or more by dump, /certs and handshake, each before the expiry of the one before; no failed call. For the refused one the alarm is due before its first 503.',
    why: 'Short lifetimes are only safe when renewal is proven by serials under traffic: one missed renewal is an outage with healthy pods.',
  },
  params: { server: 'built-in-server' },
  async collect(stage) {
    await stage.course(certificates, uses);
  },
  judge: ({ fact, load, params: { server } }) => [
    ...['kept', 'fresh'].flatMap((connections) =>
      load(`built-in-server-${connections}`, zeroFailures, ledgerComplete('built-in-server')),
    ),
    ...['built-in-client', server].flatMap((workload) =>
      (['dump', 'certs', 'handshake'] as const).flatMap((source) => fact('course', renewedInTime(workload, source, 3))),
    ),
    fact('course', signedFor(server)),
    fact('course', neverFailed('built-in-client', server, 'fresh')),
    fact('course', neverFailed('built-in-client', server, 'keep-alive')),
    fact('course', alarmedBeforeFailure('built-in-client', 'built-in-refused')),
  ],
  twins: [
    {
      name: 'signing-refused',
      sabotage: 'istiod refuses to sign for the server: its ServiceAccount is gone.',
      breaks: 'renewed-in-time',
      params: { server: 'built-in-refused' },
    },
  ],
});

/** Istio's CA keeps no log of serials; the agent tells when it was signed for. */
const signedFor = (workload: string) =>
  ask(
    { expectation: 'signed-for', kind: 'source-log', from: `agent of ${workload}`, expected: '3 certificates or more' },
    (course) => {
      const signings = proxyOf(course, workload)?.signings ?? [];
      if (signings.length === 0) return { silent: 'the agent tells of no certificate' };
      return { met: signings.length > 3, seen: `${signings.length} certificates` };
    },
  );
