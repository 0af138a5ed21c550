// Proves that an issuer which says nothing more and one that is away are told apart, and that the way back needs no restart.
import { check } from '#verdict/check.ts';
import { certificates, loadParts } from './course.ts';
import { ofFirstLifetimes } from './expect/ask.ts';
import { failsOnlyBetween, neverFailed } from './expect/calls.ts';
import { toldAs } from './expect/certificates.ts';
import { issuedBetween, reconnected, streamUp } from './expect/issuer.ts';

const uses = ['issuer', 'handshaker', 'front-end', 'catalogue', 'carts', 'orders', 'payment'];

export default check({
  id: 'CR-05',
  title: 'Silent issuer and lost stream',
  level: 'core',
  system: 'cert-reload',
  tags: ['certificates', 'sds'],
  needs: ['istio', 'sidecar'],
  channels: ['current'],
  scene: 'sock-shop',
  uses,
  parts: loadParts,
  story: {
    setUp:
      'Three issuers gone wrong: one keeps its stream open and pushes nothing; one closes stream and socket over one renewal and comes back on a socket file made anew; one is away from before the renewal until half a lifetime after expiry.',
    sends: 'A call a second to each workload, handshakes, and the counters of the proxy for its stream to the issuer.',
    expects:
      'Silent: one certificate signed, stream up, told as "issuer silent" and not as the repeated pair of CR-04. Away over one renewal: reconnected, renewed, no failed call. Away for longer: 503 only while the certificate is expired, then well again, all without a restart.',
    why: 'The cure differs: a silent issuer has to be mended, a lost stream mends itself if the socket is found again.',
  },
  params: { silent: 'carts', back: 'orders' },
  async collect(stage) {
    await stage.course(certificates, uses);
  },
  judge: ({ fact, params: { silent, back } }) => [
    fact('course', ofFirstLifetimes(0.99, issuedBetween(silent, 1, 1))),
    fact('course', ofFirstLifetimes(0.99, streamUp(silent))),
    fact('course', ofFirstLifetimes(0.99, toldAs(silent, 'issuer-silent'))),
    fact('course', reconnected(back, 0.55)),
    fact('course', neverFailed('front-end', back)),
    fact('course', ofFirstLifetimes(1.35, toldAs('payment', 'stream-lost'))),
    fact('course', reconnected('payment', 1.5)),
    fact('course', failsOnlyBetween('front-end', 'payment', [0.9, 2.15])),
  ],
  twins: [
    {
      name: 'healthy-issuer',
      sabotage: 'The issuer that should be silent renews as it should: no alarm may be raised.',
      breaks: 'issued',
      params: { silent: 'catalogue' },
    },
    {
      name: 'never-back',
      sabotage: 'The stream that should come back never carries anything again.',
      breaks: 'reconnected',
      params: { back: 'carts' },
    },
  ],
});
