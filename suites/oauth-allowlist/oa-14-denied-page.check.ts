// Proves that who is denied sees the page for it, once, and that an application's own 403 is left alone.
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { endedAt, endedByItself, loggedIn } from '#verdict/expectations/visit.ts';
import { app1, gateway, listed, loginUses, visit } from './homelab.ts';

export default check({
  id: 'OA-14',
  title: 'Denied page',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['login', 'pages'],
  needs: ['envoy-gateway', 'load-balancer', 'second-account'],
  scene: 'homelab',
  uses: [...loginUses, 'pages'],
  applies: ['oauth-policy.yaml'],
  story: {
    setUp:
      'The working policy, a page on the protected host that a policy of its route exempts, and a response override of the gateway: 403 in plain text, which is how the gateway itself answers, becomes that page. This version cannot ask who answered.',
    sends: 'A login of an unlisted user; then one of the listed user to an application that answers 403 of its own.',
    expects:
      'The first gets the page, fetched by the gateway itself: a redirect of this version is none that a browser follows, and its status stands over the page without a Location. The second gets the 403 of the application.',
    why: 'A page behind the same login sends who is denied in a circle; an override of every 403 hides what applications have to say.',
  },
  async collect(stage) {
    await stage.apply('policy', 'override');
    await stage.visit('before', visit(listed, { role: 'control' }));
    await stage.visit('denied', visit('stranger@example.com', { to: 'pages' }));
    await stage.visit('after', visit(listed, { role: 'control' }));
    await stage.misbehave('app1', { steps: [{ status: 403, body: 'not yours, says the application' }] });
    await stage.visit('own-403', visit(listed));
  },
  judge: ({ probe }) => [
    ...['before', 'after'].map((name) => probe(name, answered(200), receivedBy('app1'))),
    probe(
      'denied',
      loggedIn,
      endedByItself,
      endedAt(app1),
      answered(302, '"path":"/denied"'),
      receivedBy('pages'),
      notReceivedBy('app1'),
    ),
    probe('own-403', endedAt(app1), answered(403, 'says the application'), loggedAt(gateway, 403), receivedBy('app1')),
  ],
  twins: [
    {
      name: 'page-behind-login',
      sabotage: 'The page has no exemption: it stands behind the same login.',
      breaks: 'no-loop',
      on: 'denied',
    },
  ],
});
