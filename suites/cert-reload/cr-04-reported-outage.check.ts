// Proves that an issuer which repeats its old pair brings the outage that was reported, and that serials tell of it in time.
import { check } from '#verdict/check.ts';
import { certificates, loadParts } from './course.ts';
import { alarmedInTime } from './expect/alarms.ts';
import { ofFirstLifetimes } from './expect/ask.ts';
import { failsFrom } from './expect/calls.ts';
import { dumpRefreshed, listsExpired, servesExpired, toldAs } from './expect/certificates.ts';
import type { Detector } from './generations.ts';
import { expiredServer } from './fingerprints.ts';

const servers = ['catalogue-stale', 'catalogue-stale-older-envoy'];
const uses = ['issuer', 'handshaker', 'front-end', ...servers];

export default check({
  id: 'CR-04',
  title: 'The reported outage, reproduced',
  level: 'core',
  system: 'cert-reload',
  tags: ['certificates', 'outage', 'sds'],
  needs: ['istio', 'sidecar'],
  channels: ['current'],
  scene: 'sock-shop',
  uses,
  parts: loadParts,
  story: {
    setUp:
      'The issuer pushes on time, but the same pair under a new version, to two proxies: one around the current Envoy, one around an Envoy from before 1.37.',
    sends: 'A call a second from front-end, handshakes and admin pages of both, until well past expiry.',
    expects:
      'An alarm by 5/6 of the lifetime; after expiry 503 between services, /certs and handshake expired. The older Envoy shows a fresh secret in its dump all the while, the current one leaves the dump alone.',
    why: 'A dump that is refreshed proves nothing: version and last-updated move with every push, the certificate does not.',
  },
  params: { detector: 'serial' },
  async collect(stage) {
    await stage.course(certificates, uses);
  },
  judge: ({ fact, params }) => [
    ...servers.flatMap((server) => [
      fact('course', ofFirstLifetimes(1.22, alarmedInTime(server))),
      fact('course', ofFirstLifetimes(1.22, failsFrom('front-end', server, [0.9, 1.2], expiredServer))),
      fact('course', ofFirstLifetimes(1.22, listsExpired(server))),
      fact('course', ofFirstLifetimes(1.22, servesExpired(server))),
      fact('course', ofFirstLifetimes(1.22, toldAs(server, 'stale-repush'))),
    ]),
    // The customer's older Envoy, with the evidence that misled: the detector under test must not be misled.
    fact('course', ofFirstLifetimes(1.22, alarmedInTime('catalogue-stale-older-envoy', params.detector as Detector))),
    fact('course', ofFirstLifetimes(1.22, dumpRefreshed('catalogue-stale-older-envoy', true))),
    fact('course', ofFirstLifetimes(1.22, dumpRefreshed('catalogue-stale', false))),
  ],
  twins: [
    {
      name: 'last-updated-detector',
      sabotage: 'The alarm trusts last-updated of the dump in place of the serial.',
      breaks: 'alarm-in-time',
      params: { detector: 'last-updated' },
    },
  ],
});
