// Proves that connections opened before expiry go on as if nothing were wrong, so that only fresh ones are evidence.
import type { CallCourse } from '#support/certificates.ts';
import { check } from '#verdict/check.ts';
import { certificates, loadParts } from './course.ts';
import { ofFirstLifetimes } from './expect/ask.ts';
import { failsFrom, neverFailed, outageSeenBy } from './expect/calls.ts';
import { servesExpired } from './expect/certificates.ts';
import { expiredServer } from './fingerprints.ts';

const uses = ['issuer', 'handshaker', 'front-end', 'catalogue-stale'];

export default check({
  id: 'CR-09',
  title: 'Old connections hide the fault',
  level: 'core',
  system: 'cert-reload',
  tags: ['certificates', 'probing'],
  needs: ['istio', 'sidecar'],
  channels: ['current'],
  scene: 'sock-shop',
  uses,
  parts: loadParts,
  story: {
    setUp:
      'A server whose certificate expires, as its issuer repeats the old pair; callers with an open and with fresh upstream connections.',
    sends: 'A call a second of each kind, across expiry.',
    expects:
      'The open connection answers 200 throughout, every fresh one ends in 503 once the certificate has expired.',
    why: 'TLS checks a certificate when a connection opens, and never again: a keep-alive probe stays green for hours.',
  },
  params: { probe: 'fresh' },
  async collect(stage) {
    await stage.course(certificates, uses);
  },
  judge: ({ fact, params }) => [
    fact('course', ofFirstLifetimes(1.22, servesExpired('catalogue-stale'))),
    fact('course', ofFirstLifetimes(1.22, neverFailed('front-end', 'catalogue-stale', 'keep-alive'))),
    fact('course', ofFirstLifetimes(1.22, failsFrom('front-end', 'catalogue-stale', [0.9, 1.2], expiredServer))),
    fact(
      'course',
      ofFirstLifetimes(1.22, outageSeenBy('front-end', 'catalogue-stale', params.probe as CallCourse['connection'])),
    ),
  ],
  twins: [
    {
      name: 'keep-alive-probe',
      sabotage: 'The probe that should see the outage keeps its connection open.',
      breaks: 'outage-seen',
      params: { probe: 'keep-alive' },
    },
  ],
});
