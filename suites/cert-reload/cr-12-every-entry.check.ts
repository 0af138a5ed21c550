// Proves that after a renewal no TLS context of a proxy holds the certificate before it.
import { check } from '#verdict/check.ts';
import { certificates, loadParts } from './course.ts';
import { noStraggler, renewedInTime } from './expect/certificates.ts';

const uses = ['issuer', 'handshaker', 'front-end', 'front-end-pinned', 'catalogue', 'queue-master'];

export default check({
  id: 'CR-12',
  title: 'Every entry rotates',
  level: 'extended',
  system: 'cert-reload',
  tags: ['certificates', 'rotation'],
  needs: ['istio', 'sidecar'],
  channels: ['current'],
  scene: 'sock-shop',
  uses,
  parts: loadParts,
  story: {
    setUp: 'A proxy with a cluster for every service of the shop; all of its TLS contexts are fed by one secret.',
    sends: 'Nothing: the entries of /certs are read every four seconds over several renewals.',
    expects: 'The same new serial in every entry after each renewal, and no entry with an older one.',
    why: 'One cluster that keeps the old certificate fails alone, hours later, and looks like a fault of the service behind it.',
  },
  params: { proxy: 'front-end' },
  async collect(stage) {
    await stage.course(certificates, uses);
  },
  judge: ({ fact, params: { proxy } }) => [
    fact('course', noStraggler(proxy)),
    fact('course', renewedInTime(proxy, 'handshake', 3)),
    fact('course', renewedInTime(proxy, 'dump', 3)),
  ],
  twins: [
    {
      name: 'pinned-cluster',
      sabotage: 'One cluster of the caller reads its certificate from a file.',
      breaks: 'no-straggler',
      params: { proxy: 'front-end-pinned' },
    },
  ],
});
