// Proves that five renewals of both ends in the same second cost not one request of a constant load, and no time.
import { check } from '#verdict/check.ts';
import { certificatesSeen, ledgerComplete, rateReached, zeroFailures } from '#verdict/expectations/load.ts';
import { certificates, loadParts } from './course.ts';
import { renewedInTime } from './expect/certificates.ts';
import { handshakesCounted } from './expect/issuer.ts';
import { quickAcross } from './expect/loads.ts';

const uses = ['issuer', 'handshaker', 'front-end', 'catalogue', 'catalogue-restarted'];

export default check({
  id: 'CR-18',
  title: 'Load across renewals',
  level: 'core',
  system: 'cert-reload',
  tags: ['certificates', 'rotation', 'load'],
  needs: ['istio', 'sidecar'],
  channels: ['current'],
  scene: 'sock-shop',
  uses,
  parts: loadParts,
  story: {
    setUp:
      'A healthy outside issuer; caller and server are signed for at the same moment, so that both renew in the same second.',
    sends:
      'k6 inside the cluster at a constant arrival rate over kept and over fresh upstream connections, across five renewals; every request is numbered.',
    expects:
      'No failed request and none lost or repeated; five client certificates or more in the account of the server; no more slow answers in the seconds around a renewal than in others; handshakes counted.',
    why: 'A renewal is only invisible when no request pays for it.',
  },
  params: { server: 'catalogue' },
  async collect(stage) {
    await stage.course(certificates, uses);
  },
  judge: ({ evidence, fact, load, params: { server } }) => [
    ...['kept', 'fresh'].flatMap((connections) =>
      load(
        `${server}-${connections}`,
        zeroFailures,
        rateReached(0.98),
        quickAcross(evidence, server),
        ledgerComplete(server),
        certificatesSeen(server, connections === 'fresh' ? 5 : 1),
      ),
    ),
    fact('course', renewedInTime(server, 'handshake', 5)),
    fact('course', handshakesCounted(server)),
  ],
  twins: [
    {
      name: 'connections-dropped',
      sabotage: 'The server drops its open connections: it is restarted under the load.',
      breaks: 'zero-failures',
      params: { server: 'catalogue-restarted' },
    },
  ],
});
