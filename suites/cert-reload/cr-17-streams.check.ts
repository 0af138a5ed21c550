// Proves that a proxy keeps standing streams to an outside issuer and acknowledges what it is pushed: no polling.
import { check } from '#verdict/check.ts';
import { certificates, loadParts } from './course.ts';
import { renewedInTime } from './expect/certificates.ts';
import { acknowledgesLast, standingStreams, streamUp } from './expect/issuer.ts';

const uses = ['issuer', 'handshaker', 'front-end', 'catalogue', 'user'];

export default check({
  id: 'CR-17',
  title: 'Streams and resources',
  level: 'extended',
  system: 'cert-reload',
  tags: ['certificates', 'sds'],
  needs: ['istio', 'sidecar'],
  channels: ['current'],
  scene: 'sock-shop',
  uses,
  parts: loadParts,
  story: {
    setUp:
      'The agent found the socket of the outside issuer and serves files only; the issuer logs streams, requested names and acknowledgements.',
    sends: 'Nothing: streams are counted over the whole course.',
    expects:
      'Envoy itself holds standing streams for default and ROOTCA, opened once, and acknowledges the last version of each.',
    why: 'The first question of the customer: in files-only mode Envoy talks to the outside socket itself, so pushes arrive.',
  },
  params: { proxy: 'catalogue' },
  async collect(stage) {
    await stage.course(certificates, uses);
  },
  judge: ({ fact, params: { proxy } }) => [
    fact('course', standingStreams(proxy)),
    fact('course', acknowledgesLast(proxy)),
    fact('course', streamUp(proxy)),
    fact('course', renewedInTime('catalogue', 'handshake', 3)),
  ],
  twins: [
    {
      name: 'one-reply-a-stream',
      sabotage: 'The issuer closes each stream after one reply: the proxy asks again and again, as if it polled.',
      breaks: 'standing-streams',
      params: { proxy: 'user' },
    },
  ],
});
