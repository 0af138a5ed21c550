// Proves that who is denied sees the page for it, once, and that an application's own 403 is left alone.
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { askedFor, endedAt, endedByItself, loggedIn } from '#verdict/expectations/visit.ts';
import { app1, gateway, listed, loginUses, visit } from './homelab.ts';

const open = 'envoy-external';
const page = 'https://pages.homelab.test/denied';
const hosts = { 'pages.homelab.test': open };

export default check({
  id: 'OA-14',
  title: 'Denied page',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['login', 'pages'],
  needs: ['envoy-gateway', 'load-balancer'],
  scene: 'homelab',
  uses: [...loginUses, open, 'pages'],
  applies: ['oauth-policy.yaml'],
  story: {
    setUp:
      'The working policy, and a response override of the gateway: 403 that the gateway itself answers becomes a redirect to a page on the open gateway.',
    sends: 'A login of an unlisted user; then one of the listed user to an application that answers 403 of its own.',
    expects: 'The first ends on the page, which is asked for once. The second gets the 403 of the application.',
    why: 'A page behind the same login sends who is denied in a circle; an override of every 403 hides what applications have to say.',
  },
  params: { page: 'override' },
  async collect(stage, { page: step }) {
    await stage.apply('policy', step);
    await stage.visit('before', visit(listed, { role: 'control' }));
    await stage.visit('denied', visit('stranger@example.com', { hosts, to: 'pages' }));
    await stage.visit('after', visit(listed, { role: 'control' }));
    await stage.misbehave('app1', { steps: [{ status: 403, body: 'not yours, says the application' }] });
    await stage.visit('own-403', visit(listed, { hosts }));
  },
  judge: ({ probe }) => [
    ...['before', 'after'].map((name) => probe(name, answered(200), receivedBy('app1'))),
    probe(
      'denied',
      loggedIn,
      endedByItself,
      askedFor(page, 1),
      endedAt(page),
      answered(200),
      loggedAt(open, 200),
      receivedBy('pages'),
      notReceivedBy('app1'),
    ),
    probe('own-403', endedAt(app1), answered(403, 'says the application'), loggedAt(gateway, 403), receivedBy('app1')),
  ],
  twins: [
    {
      name: 'page-behind-login',
      sabotage: 'The page is on the protected gateway itself.',
      breaks: 'no-loop',
      on: 'denied',
      params: { page: 'override-to-itself' },
    },
  ],
});
