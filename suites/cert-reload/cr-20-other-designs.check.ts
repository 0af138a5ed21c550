// Will prove, on other ways to bring identities to proxies, which of them rotate, which need a restart, and which fail.
import { check } from '#verdict/check.ts';

export default check({
  id: 'CR-20',
  title: 'Other identity designs, same oracle',
  level: 'roadmap',
  system: 'cert-reload',
  tags: ['certificates', 'identity'],
  needs: [],
  story: {
    setUp: 'SPIRE with its CSI driver, files written by tbot, a custom SDS server, ingress secrets by credentialName.',
    sends: 'CR-01, CR-02 and CR-18 on each.',
    expects:
      'A table of what rotates, what needs a restart and what fails; known-bad versions of tbot refused by a version gate.',
    why: 'The customer asked which integration to choose. Files without reload are expected to fail: a pass there is suspicious.',
  },
  collect: () => Promise.resolve(),
  judge: () => [],
  twins: [],
});
