// Proves that a pair that does not fit together is refused, that the old one goes on being served, and that nobody calls this rotated.
import type { CertificateSource } from '#support/certificates.ts';
import { check } from '#verdict/check.ts';
import { certificates, loadParts } from './course.ts';
import { alarmedInTime } from './expect/alarms.ts';
import { ofFirstLifetimes } from './expect/ask.ts';
import { keepsServing, notRotatedBy, toldAs } from './expect/certificates.ts';
import { issuerTold, rose } from './expect/issuer.ts';

const proxies = ['user', 'user-older-envoy'];
const uses = ['issuer', 'handshaker', 'front-end', ...proxies];

export default check({
  id: 'CR-06',
  title: 'Rejected update',
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
      'The issuer pushes a certificate whose key is another one, to a proxy around the current Envoy and to one around an Envoy from before 1.37.',
    sends: 'Handshakes with both pods, their admin pages, and what the issuer was told of its push.',
    expects:
      'update_rejected grows, the issuer is told no, a fresh handshake is served the old serial, an alarm is due by 5/6 of the lifetime.',
    why: 'The newer Envoy shows the refused version in its dump: who reads the dump believes that the certificate was rotated.',
  },
  params: { detector: 'handshake' },
  async collect(stage) {
    await stage.course(certificates, uses);
  },
  judge: ({ fact, params: { detector } }) => [
    ...proxies.flatMap((proxy) => [
      fact('course', ofFirstLifetimes(0.99, rose(proxy, 'sds.default.update_rejected', 1, 'update-rejected'))),
      fact('course', ofFirstLifetimes(0.99, issuerTold(proxy, 'rejected'))),
      fact('course', ofFirstLifetimes(0.99, keepsServing(proxy))),
      fact('course', ofFirstLifetimes(0.99, alarmedInTime(proxy))),
      fact('course', ofFirstLifetimes(0.99, toldAs(proxy, 'rejected-update'))),
    ]),
    fact('course', ofFirstLifetimes(0.99, notRotatedBy('user', detector as CertificateSource))),
  ],
  twins: [
    {
      name: 'dump-detector',
      sabotage: 'Whether the certificate was rotated is read from the dump of the newer Envoy.',
      breaks: 'not-rotated',
      params: { detector: 'dump' },
    },
  ],
});
