// Proves that a login alone makes no claim usable: the API refuses a claim rule without a JWT provider, and takes the same one with it.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { anonymous, gateway, loginUses, policyStatus } from './homelab.ts';
import { accepted, guarded } from './expect.ts';

export default check({
  id: 'OA-01',
  title: 'Is the OIDC provider a JWT provider by itself?',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['policy', 'admission'],
  needs: ['envoy-gateway', 'load-balancer'],
  scene: 'homelab',
  uses: loginUses,
  applies: ['oauth-policy.yaml'],
  story: {
    setUp: 'A policy with login and a rule on the email claim, without a JWT provider; then the same with one.',
    sends: 'Both to the API server, and an anonymous request after each.',
    expects:
      'The first is refused with words that name the missing provider, and the gateway serves everybody. The second is accepted, and the gateway asks for a login.',
    why: 'A plan that takes the login for a JWT provider ends with no policy at all, which looks like success until somebody tries.',
  },
  params: { first: 'without-jwt' },
  async collect(stage, { first }) {
    stage.record('first', (await stage.refusal(first)) ?? 'accepted');
    await stage.call('after-first', anonymous(stage));
    await stage.apply('policy');
    stage.record('status', await policyStatus(stage));
    await stage.call('after-second', anonymous(stage));
  },
  judge: ({ fact, probe, names }) => [
    fact(
      'first',
      factIs({
        expectation: 'refused-at-admission',
        kind: 'object',
        from: 'API server',
        expected: 'a refusal that says that jwt must be defined',
        shape: z.string(),
        met: (text) => /jwt must be specified|jwt.*(defined|specified|required)/i.test(text),
        seen: (text) => text.slice(0, 200),
      }),
    ),
    probe('after-first', answered(200), receivedBy('app1')),
    fact('status', accepted),
    probe('after-second', guarded(names), loggedAt(gateway, 302)),
  ],
  twins: [
    {
      name: 'accepted-at-once',
      sabotage: 'The first form is one that the API accepts, as that of a version with other rules might be.',
      breaks: 'refused-at-admission',
      params: { first: 'policy' },
    },
  ],
});
