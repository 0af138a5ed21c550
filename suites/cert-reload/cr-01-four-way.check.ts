// Proves that four sources of one certificate, compared, tell which of nine stories a proxy is living through.
import type { Story } from '#diagnose/story.ts';
import { check } from '#verdict/check.ts';
import { certificates, loadParts } from './course.ts';
import { ofFirstLifetimes } from './expect/ask.ts';
import { sourcesAgree, toldAs } from './expect/certificates.ts';

/** What each issuer does to its workload, and up to when that is all that happened to it, in lifetimes. */
const stories: Record<string, [story: Story, upTo: number]> = {
  'catalogue-stale': ['stale-repush', 1.22],
  'catalogue-stale-older-envoy': ['stale-repush', 1.35],
  carts: ['issuer-silent', 1.35],
  payment: ['stream-lost', 1.35],
  orders: ['stream-recovered', 1.35],
  shipping: ['late-renewal', 1.35],
  user: ['rejected-update', 0.99],
  'queue-master': ['identity-mismatch', 0.99],
  'catalogue-restarted': ['trust-change', 0.5],
};
const uses = ['issuer', 'handshaker', 'front-end', 'catalogue', ...Object.keys(stories)];

export default check({
  id: 'CR-01',
  title: 'Four-way comparison',
  level: 'core',
  system: 'cert-reload',
  tags: ['certificates', 'diagnosis'],
  needs: ['istio', 'sidecar'],
  channels: ['current'],
  scene: 'sock-shop',
  uses,
  parts: loadParts,
  story: {
    setUp:
      'Ten workloads with certificates of a minute, each with an issuer of its own kind: healthy, repeating the old pair, silent, away for a while and for long, too late, with a pair that does not fit, with another name, with other roots.',
    sends:
      'Every four seconds, for each proxy: what the issuer signed, the secret in /config_dump, the entries of /certs, and a fresh handshake.',
    expects:
      'One row of four serials for each proxy. The healthy ones agree and are told as rotating; each of the others is told as what its issuer does.',
    why: 'Each source alone misleads: a dump shows what was delivered, not what is served. Together they name who has to act.',
  },
  params: { healthy: 'catalogue' },
  async collect(stage) {
    await stage.course(certificates, uses);
  },
  judge: ({ fact, params: { healthy } }) => [
    ...['front-end', healthy].flatMap((workload) => [
      fact('course', ofFirstLifetimes(1.3, sourcesAgree(workload))),
      fact('course', ofFirstLifetimes(1.35, toldAs(workload, 'rotating'))),
    ]),
    ...Object.entries(stories).map(([workload, [story, upTo]]) =>
      fact('course', ofFirstLifetimes(upTo, toldAs(workload, story))),
    ),
  ],
  twins: [
    {
      name: 'recorded-outage',
      sabotage: 'The recording of the outage is taken for that of a healthy proxy.',
      breaks: 'story',
      params: { healthy: 'catalogue-stale' },
    },
  ],
});
