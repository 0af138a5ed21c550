// Proves that two pages of a protected host are open to everybody, and nothing beside them, whatever the path is dressed up as.
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { guarded } from './expect.ts';
import { anonymous, app1, authorization, gateway, listed, loginUses, visit } from './homelab.ts';

/** The two pages, and one of them with a slash that the gateway merges: it is the same page. */
const pages = { denied: 'denied', 'logged-out': 'logged-out', double: '/denied' };
/** Paths that are none of the two pages, though some ways of reading them would make them so. */
const tricks: Record<string, string> = {
  sibling: 'denied-not',
  below: 'denied/../admin',
  upper: 'Denied',
  slash: 'denied/',
  root: '',
};

export default check({
  id: 'OA-16',
  title: 'Exempt pages, and nothing more',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['pages', 'paths'],
  needs: ['envoy-gateway', 'load-balancer'],
  scene: 'homelab',
  uses: [...loginUses, 'pages'],
  applies: ['oauth-policy.yaml'],
  story: {
    setUp:
      'The working policy on the gateway, and a route for exactly two paths of the protected host, attached from another namespace, with a policy of its own that lets everybody in.',
    sends: 'Anonymous requests for both pages, for paths near them, and for paths that try to be taken for them.',
    expects: 'The pages answer 200. Everything else is sent to the provider, and no application receives it.',
    why: 'An exemption is the one place where the gateway is meant to be open; by a prefix or a host it is open elsewhere, too.',
  },
  async collect(stage) {
    await stage.apply('policy');
    await stage.visit('before', visit(listed, { role: 'control' }));
    await stage.apply('exempt');
    for (const [name, path] of Object.entries(pages))
      await stage.call(`page-${name}`, anonymous(stage, { url: app1, rawPath: `/${path}`, to: 'pages' }));
    for (const [name, path] of Object.entries(tricks))
      await stage.call(`other-${name}`, anonymous(stage, { url: app1, rawPath: `/${path}` }));
    // The gateway decodes slashes, and has the caller ask again for what is then no exempt page.
    const dressedUp = `${app1}denied%2f..%2fadmin`;
    await stage.visit('other-encoded', visit(undefined, { url: dressedUp, stopAt: authorization(stage.names) }));
    await stage.remove('exempt');
    await stage.visit('after', visit(listed, { role: 'control' }));
  },
  judge: ({ probe, probes, names }) => [
    ...['before', 'after'].map((name) => probe(name, answered(200), receivedBy('app1'))),
    probes('page-', answered(200), loggedAt(gateway, 200), receivedBy('pages')),
    probes('other-', guarded(names), loggedAt(gateway, 302), notReceivedBy('app1')),
  ],
  twins: [
    { name: 'by-prefix', sabotage: 'The exemption is for everything below the pages, too.', breaks: 'fail-open' },
    { name: 'by-host', sabotage: 'The exemption is for every path of the host.', breaks: 'fail-open' },
  ],
});
