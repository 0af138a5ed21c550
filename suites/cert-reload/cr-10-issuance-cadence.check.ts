// Proves that an issuer which stops signing is found at the first renewal that it misses, by counting what it signed.
import { check } from '#verdict/check.ts';
import { certificates, loadParts } from './course.ts';
import { cadenceOf } from './expect/alarms.ts';
import { serialsSeen } from './expect/certificates.ts';

const uses = ['issuer', 'handshaker', 'catalogue', 'catalogue-stale'];

export default check({
  id: 'CR-10',
  title: 'Issuance cadence',
  level: 'core',
  system: 'cert-reload',
  tags: ['certificates', 'cadence'],
  needs: ['istio', 'sidecar'],
  channels: ['current'],
  scene: 'sock-shop',
  uses,
  parts: loadParts,
  story: {
    setUp: 'A lifetime of a minute that is renewed at 0.45 of it: for an hour that is due at least every 50 minutes.',
    sends: 'Nothing: what the issuer signed is counted, and held against what handshakes and /certs show.',
    expects:
      'At least one certificate for each renewal interval of the course, less one, and no gap longer than 5/6 of a lifetime.',
    why: 'Two issuances at start and none after was in the log of the incident for ten hours, and nobody counted.',
  },
  params: { workload: 'catalogue' },
  async collect(stage) {
    await stage.course(certificates, uses);
  },
  judge: ({ fact, params: { workload } }) => [
    fact('course', cadenceOf(workload, 0.45)),
    fact('course', serialsSeen(workload, 'handshake', 5)),
    fact('course', serialsSeen(workload, 'certs', 5)),
  ],
  twins: [
    {
      name: 'none-after-start',
      sabotage: 'The issuer signs at start and never again by itself.',
      breaks: 'cadence',
      params: { workload: 'catalogue-stale' },
    },
  ],
});
