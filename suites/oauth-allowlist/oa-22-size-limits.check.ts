// Proves that a list which is too long is refused with words, not cut, and that two rules hold what one cannot.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { gateway, loginUses, visit } from './homelab.ts';

const refusal = (expectation: string, expected: string, met: (text: string) => boolean) =>
  factIs({
    expectation,
    kind: 'object',
    from: 'API server',
    expected,
    shape: z.string(),
    met,
    seen: (text) => text.slice(0, 160),
  });

export default check({
  id: 'OA-22',
  title: 'Size limits',
  level: 'extended',
  system: 'oauth-allowlist',
  tags: ['policy', 'admission', 'allowlist'],
  needs: ['envoy-gateway', 'load-balancer', 'scripted-provider'],
  scene: 'homelab',
  uses: loginUses,
  applies: ['oauth-policy.yaml'],
  story: {
    setUp: 'The working policy with 128 addresses in its rule, with 129, and with the same 129 in two rules.',
    sends: 'Each to the API server; under the last, logins of the first, the 128th and the 129th.',
    expects:
      'The first is accepted, the second refused with words that name the limit; under the third all of them get in.',
    why: 'Lists grow by one. The one that is too many must be told to whoever adds it, not to whoever is locked out.',
  },
  async collect(stage) {
    stage.record('most', (await stage.refusal('most')) ?? 'accepted');
    stage.record('too-many', (await stage.refusal('too-many')) ?? 'accepted');
    await stage.apply('policy');
    await stage.apply('two-rules');
    for (const number of ['001', '128', '129']) await stage.visit(`entry-${number}`, visit(`u${number}@example.com`));
  },
  judge: ({ probes, fact }) => [
    fact(
      'most',
      refusal('accepted', 'no refusal of 128', (text) => text === 'accepted'),
    ),
    fact(
      'too-many',
      refusal('refused-at-admission', 'a refusal that names 128', (text) => /128/.test(text) && text !== 'accepted'),
    ),
    probes('entry-', answered(200), loggedAt(gateway, 200), receivedBy('app1')),
  ],
  twins: [
    {
      name: 'cut',
      sabotage: 'The second rule is gone, as if the list had been cut at its limit.',
      breaks: 'status-200',
      on: 'entry-129',
      only: true,
    },
  ],
});
