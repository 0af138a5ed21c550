// Proves that a caller checks who answers: a valid certificate with another SPIFFE ID is refused.
import { check } from '#verdict/check.ts';
import { certificates, loadParts } from './course.ts';
import { ofFirstLifetimes } from './expect/ask.ts';
import { failsFrom } from './expect/calls.ts';
import { identityServed, namedAs, toldAs } from './expect/certificates.ts';
import { otherIdentity } from './fingerprints.ts';

const uses = ['issuer', 'handshaker', 'front-end', 'front-end-pinned', 'catalogue', 'queue-master'];

export default check({
  id: 'CR-15',
  title: 'Identity format',
  level: 'core',
  system: 'cert-reload',
  tags: ['certificates', 'identity'],
  needs: ['istio', 'sidecar'],
  channels: ['current'],
  scene: 'sock-shop',
  uses,
  parts: loadParts,
  story: {
    setUp:
      'Leaves with spiffe://cluster.local/ns/<namespace>/sa/<name>; from a tenth of the lifetime on, the issuer gives queue-master a valid certificate in another name.',
    sends: 'A call a second to queue-master over fresh connections, before and after, and handshakes with it.',
    expects:
      'Calls pass while the name is right; then 503, with a verification of the subject alternative name as the reason. The certificate itself is valid and trusted.',
    why: 'Trust in the root says that the issuer is known, not that this is the service that was called.',
  },
  params: { caller: 'front-end' },
  async collect(stage) {
    await stage.course(certificates, uses);
  },
  judge: ({ fact, names, params: { caller } }) => [
    fact('course', ofFirstLifetimes(0.99, failsFrom(caller, 'queue-master', [0.05, 0.4], otherIdentity))),
    fact('course', namedAs('catalogue', `spiffe://cluster.local/ns/${names['namespace']}/sa/catalogue`)),
    fact('course', ofFirstLifetimes(0.99, identityServed('queue-master', /-wrong$/))),
    fact('course', ofFirstLifetimes(0.99, toldAs('queue-master', 'identity-mismatch'))),
  ],
  twins: [
    {
      name: 'name-not-checked',
      sabotage: 'The caller verifies the root and not the name: the wrong identity passes.',
      breaks: 'fails-as-stated',
      params: { caller: 'front-end-pinned' },
    },
  ],
});
