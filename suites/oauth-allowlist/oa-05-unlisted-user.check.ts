// Proves that an account which is not on the list logs in and is denied all the same, by the policy and nothing else.
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { counterGrew } from '#verdict/expectations/counter.ts';
import { endedAt, endedByItself, loggedIn } from '#verdict/expectations/visit.ts';
import { deniedByList } from './expect.ts';
import { app1, gateway, listed, loginUses, visit } from './homelab.ts';

export default check({
  id: 'OA-05',
  title: 'Unlisted user is denied',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['login', 'allowlist', 'denial'],
  needs: ['envoy-gateway', 'load-balancer', 'second-account'],
  scene: 'homelab',
  uses: loginUses,
  applies: ['oauth-policy.yaml'],
  story: {
    setUp: 'The working policy, and an account of the same provider that is not on its list.',
    sends: 'A browser logs in as that account. A listed user does the same before and after.',
    expects:
      'The provider gives a token, and the request ends with 403, denied by the RBAC filter without a matching rule. The application receives nothing, and the browser is sent in no circle.',
    why: 'At a public provider everybody has an account: the list alone decides.',
  },
  async collect(stage) {
    await stage.apply('policy');
    await stage.visit('before', visit(listed, { role: 'control' }));
    const counters = { [gateway]: ['rbac.denied'] };
    await stage.visit('unlisted', visit('stranger@example.com', { counters }));
    await stage.visit('after', visit(listed, { role: 'control' }));
  },
  judge: ({ probe }) => [
    ...['before', 'after'].map((name) => probe(name, answered(200), receivedBy('app1'))),
    probe(
      'unlisted',
      loggedIn,
      endedByItself,
      endedAt(app1),
      answered(403, 'RBAC: access denied'),
      deniedByList(gateway),
      counterGrew(gateway, 'rbac.denied', 1),
      notReceivedBy('app1'),
    ),
  ],
  twins: [
    {
      name: 'default-allow',
      sabotage: 'The policy allows by default, so its list only names some of those who may.',
      breaks: 'denied-by-policy',
      on: 'unlisted',
    },
  ],
});
