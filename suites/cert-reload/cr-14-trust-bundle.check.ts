// Proves that roots can be changed without a failed call, in one order and not in the other.
import { check } from '#verdict/check.ts';
import { certificates, loadParts } from './course.ts';
import { bundleFailure, neverFailed } from './expect/calls.ts';
import { bundleChanged, oldRootRefused } from './expect/certificates.ts';

const uses = ['issuer', 'handshaker', 'rotated-client', 'rotated-server', 'cut-off-client', 'cut-off-server'];

export default check({
  id: 'CR-14',
  title: 'Trust bundle rotation',
  level: 'core',
  system: 'cert-reload',
  tags: ['certificates', 'trust'],
  needs: ['istio', 'sidecar'],
  channels: ['current'],
  scene: 'sock-shop',
  uses,
  parts: loadParts,
  story: {
    setUp:
      'Three phases: a new root is added to the bundle, leaves are signed by it, the old root is dropped. A second pair has its old root dropped before its leaves have moved.',
    sends:
      'Calls over open and fresh connections in every phase, and handshakes from outside with a client certificate of the old root.',
    expects:
      'No failed call; the ROOTCA secret changes twice; at the end the client of the old root is refused. In the wrong order calls fail, and the failure names the issuer that is not trusted.',
    why: 'Who drops the old root first cuts off every workload that has not been renewed yet.',
  },
  params: { pair: 'rotated' },
  async collect(stage) {
    await stage.course(certificates, uses);
  },
  judge: ({ fact, params: { pair } }) => [
    fact('course', neverFailed(`${pair}-client`, `${pair}-server`, 'fresh')),
    fact('course', neverFailed(`${pair}-client`, `${pair}-server`, 'keep-alive')),
    fact('course', bundleChanged('rotated-server', 3)),
    fact('course', oldRootRefused('rotated-server')),
    fact('course', bundleFailure('cut-off-client', 'cut-off-server')),
  ],
  twins: [
    {
      name: 'old-root-dropped-first',
      sabotage: 'The old root leaves the bundle before any leaf is signed by the new one.',
      breaks: 'no-failure',
      params: { pair: 'cut-off' },
    },
  ],
});
