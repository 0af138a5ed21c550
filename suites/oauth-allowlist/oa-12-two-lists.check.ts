// Proves that each gateway goes by its own list: whoever has logged in at one is denied by the other.
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { endedByItself } from '#verdict/expectations/visit.ts';
import { deniedByList } from './expect.ts';
import { gateway, listed, loginUses, visit } from './homelab.ts';

const other = 'envoy-oauth-b';
const otherListed = 'second@example.com';

export default check({
  id: 'OA-12',
  title: 'Two gateways, two lists',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['login', 'allowlist', 'denial', 'cookies'],
  needs: ['envoy-gateway', 'load-balancer', 'scripted-provider'],
  scene: 'homelab',
  uses: [...loginUses, other],
  applies: ['oauth-policy.yaml', 'oauth-policy-b.yaml'],
  story: {
    setUp:
      'Two gateways of one controller, with a list each, the same parent domain and the same client; with cookies of stated names that differ, of the same names, and of the names that the gateway makes up.',
    sends: 'The user of the first list logs in there, and goes on to the second gateway with all cookies.',
    expects:
      'The first lets that user in. The second denies, in every variant, and its own user gets in there before and after.',
    why: 'One controller signs the cookies of all its gateways with one secret: a login is good at each of them, and only the list tells them apart.',
  },
  async collect(stage) {
    const there = { gateway: other };
    await stage.apply('policy', 'policy-b');
    await stage.visit('before', visit(otherListed, { ...there, role: 'control' }));
    await stage.visit('own', visit(listed, { jar: 'names' }));
    await stage.visit('other-own-names', visit(listed, { ...there, jar: 'names' }));
    await stage.apply('same-names');
    await stage.visit('again', visit(listed, { jar: 'same' }));
    await stage.visit('other-same-names', visit(listed, { ...there, jar: 'same' }));
    await stage.apply('made-up-names');
    await stage.visit('own-made-up', visit(listed, { jar: 'made-up' }));
    await stage.visit('other-made-up-names', visit(listed, { ...there, jar: 'made-up' }));
    await stage.visit('after', visit(otherListed, { ...there, role: 'control' }));
  },
  judge: ({ probe, probes }) => [
    ...['before', 'after'].map((name) => probe(name, answered(200), receivedBy('app1'))),
    ...['own', 'again', 'own-made-up'].map((name) =>
      probe(name, answered(200), loggedAt(gateway, 200), receivedBy('app1')),
    ),
    probes('other-', endedByItself, answered(403, 'RBAC: access denied'), deniedByList(other), notReceivedBy('app1')),
  ],
  twins: [
    {
      name: 'no-list',
      sabotage: 'The second gateway has a login and no list.',
      breaks: 'denied-by-policy',
      on: 'other-own-names',
    },
  ],
});
