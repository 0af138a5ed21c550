// Proves that the list is matched letter by letter: another case, an alias or dots are another person.
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { loggedIn } from '#verdict/expectations/visit.ts';
import { deniedByList } from './expect.ts';
import { gateway, listed, loginUses, visit } from './homelab.ts';

const other = 'second@example.com';
const variants = {
  capitals: 'User@Example.com',
  alias: 'user+news@example.com',
  dots: 'u.s.e.r@example.com',
};

export default check({
  id: 'OA-06',
  title: 'Letter case and aliases',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['login', 'allowlist', 'denial'],
  needs: ['envoy-gateway', 'load-balancer', 'scripted-provider'],
  scene: 'homelab',
  uses: loginUses,
  applies: ['oauth-policy.yaml'],
  story: {
    setUp: 'The working policy with two entries in lower case.',
    sends:
      'Logins whose address is a listed one with capitals, with a plus-alias, and with dots; and that of the owner.',
    expects: '403 for each of the three, by no rule of the policy; 200 for the owner.',
    why: 'Matching is exact. Providers that keep the case a person typed lock that person out of a list in lower case, and a list with capitals locks everybody else out.',
  },
  async collect(stage) {
    await stage.apply('policy');
    await stage.visit('before', visit(other, { role: 'control' }));
    await stage.visit('owner', visit(listed));
    for (const [name, user] of Object.entries(variants)) await stage.visit(`variant-${name}`, visit(user));
    await stage.visit('after', visit(other, { role: 'control' }));
  },
  judge: ({ probe, probes }) => [
    ...['before', 'after'].map((name) => probe(name, answered(200), receivedBy('app1'))),
    probe('owner', loggedIn, answered(200), loggedAt(gateway, 200), receivedBy('app1')),
    probes('variant-', loggedIn, answered(403, 'RBAC: access denied'), deniedByList(gateway), notReceivedBy('app1')),
  ],
  twins: [
    {
      name: 'mixed-case-entry',
      sabotage: 'The entry of the owner is written with capitals.',
      breaks: 'status-200',
      on: 'owner',
    },
  ],
});
