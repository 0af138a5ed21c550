// Proves that a listed address lets nobody in whom the provider has not asked for it, and everybody whom it has.
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { loggedIn } from '#verdict/expectations/visit.ts';
import { deniedByList } from './expect.ts';
import { gateway, listed, loginUses, visit } from './homelab.ts';

export default check({
  id: 'OA-07',
  title: 'Unverified address',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['login', 'allowlist', 'denial'],
  needs: ['envoy-gateway', 'load-balancer', 'scripted-provider'],
  scene: 'homelab',
  uses: loginUses,
  applies: ['oauth-policy.yaml'],
  story: {
    setUp:
      'The working policy, whose rule asks for email_verified by an expression; the claim itself is a boolean, which no claim value of a rule matches.',
    sends:
      'A login of an account with the listed address that the provider calls unverified; before and after, one that it calls verified.',
    expects: '403 for the first, by no rule of the policy; 200 for the others.',
    why: 'At many providers an account can carry an address that is somebody else’s until it is verified. A rule on email alone lets it in.',
  },
  async collect(stage) {
    await stage.apply('policy');
    await stage.visit('before', visit(listed, { role: 'control' }));
    await stage.misbehave('accounts', { users: { impostor: { email: listed, email_verified: false } } });
    await stage.visit('unverified', visit('impostor'));
    await stage.visit('after', visit(listed, { role: 'control' }));
  },
  judge: ({ probe }) => [
    ...['before', 'after'].map((name) => probe(name, answered(200), receivedBy('app1'))),
    probe('unverified', loggedIn, answered(403, 'RBAC: access denied'), deniedByList(gateway), notReceivedBy('app1')),
  ],
  twins: [
    {
      name: 'email-alone',
      sabotage: 'The rule names the address and asks for nothing else.',
      breaks: 'denied-by-policy',
      on: 'unverified',
    },
  ],
});
