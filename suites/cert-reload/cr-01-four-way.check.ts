// Proves that four sources of one certificate, compared, tell which of eight stories a proxy is living through.
import { check } from '#verdict/check.ts';
import { certificates } from './course.ts';
import { neverAlarmed, neverFailed } from './expectations.ts';

const uses = [
  'issuer',
  'handshaker',
  ...certificates.external,
];

export default check({
  id: 'CR-01',
  title: 'Four-way comparison',
  level: 'core',
  system: 'cert-reload',
  tags: ['certificates', 'diagnosis'],
  needs: ['istio', 'sidecar'],
  scene: 'sock-shop',
  uses,
  channels: ['current'],
  story: {
    setUp: 'x', sends: 'x', expects: 'x', why: 'x',
  },
  params: { healthy: 'catalogue' },
  async collect(stage) {
    await stage.course(certificates, uses);
  },
  judge: ({ fact, params: { healthy } }) => [
    fact('course', neverAlarmed(healthy)),
    fact('course', neverFailed('front-end', healthy)),
  ],
  twins: [
    { name: 'recorded-outage', sabotage: 'x', breaks: 'no-alarm', params: { healthy: 'catalogue-stale' } },
  ],
});
