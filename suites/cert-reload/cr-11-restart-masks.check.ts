// Proves that a restart heals the outage for one lifetime and no longer, so that it must never count as a cure.
import { check } from '#verdict/check.ts';
import { certificates, loadParts } from './course.ts';
import { brokenAgain, healedByRestart } from './expect/calls.ts';
import { listsExpired } from './expect/certificates.ts';
import { issuedBetween, windowShape } from './expect/issuer.ts';

const uses = ['issuer', 'handshaker', 'front-end', 'catalogue-stale', 'catalogue-restarted'];

export default check({
  id: 'CR-11',
  title: 'Restart as workaround',
  level: 'core',
  system: 'cert-reload',
  tags: ['certificates', 'outage', 'workaround'],
  needs: ['istio', 'sidecar'],
  channels: ['current'],
  scene: 'sock-shop',
  label: 'masked, not cured',
  uses,
  parts: loadParts,
  story: {
    setUp:
      'The outage of CR-04, some time after expiry: a rollout restart of the server, for which the issuer signs once more.',
    sends: 'A call a second before, during and after the restart, for longer than another lifetime.',
    expects:
      'Healed by the restart, with a window of one lifetime and the minute of backdating; broken again when that one expires.',
    why: 'The restart of the incident bought exactly one hour. A scheduled restart hides an issuer that does not renew.',
  },
  params: { server: 'catalogue-stale' },
  async collect(stage) {
    await stage.course(certificates, uses);
  },
  judge: ({ fact, params: { server } }) => [
    fact('course', healedByRestart('front-end', server)),
    fact('course', windowShape(server)),
    fact('course', issuedBetween(server, 2, 2)),
    fact('course', listsExpired(server)),
    fact('course', brokenAgain('front-end', server)),
  ],
  twins: [
    {
      name: 'healthy-issuer',
      sabotage: 'The issuer renews as it should: there is no second failure.',
      breaks: 'broken-again',
      params: { server: 'catalogue-restarted' },
    },
  ],
});
