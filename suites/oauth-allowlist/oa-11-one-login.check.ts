// Proves that one login serves every application of a gateway, and what it takes: a route for the callback, and cookies of the parent domain.
import { check } from '#verdict/check.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { endedAt, endedByItself, loggedIn, providerSaw } from '#verdict/expectations/visit.ts';
import { gateway, listed, loginUses, visit } from './homelab.ts';

const app2 = 'https://app2.homelab.test/';
const second = { url: app2, to: 'app2' };

export default check({
  id: 'OA-11',
  title: 'Callback route, cookie domain, one login for several apps',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['login', 'cookies'],
  needs: ['envoy-gateway', 'load-balancer', 'scripted-provider'],
  scene: 'homelab',
  uses: [...loginUses, 'app2'],
  applies: ['oauth-policy.yaml'],
  story: {
    setUp:
      'Two applications on one gateway with the callback on a host of its own: as it should be, without a route for that host, and without a cookie domain.',
    sends: 'A login at the first application, then a visit of the second with the same cookies.',
    expects:
      'As it should be, the second answers at once and the provider is not visited again. Without the route the callback ends in 404; without the domain the callback does not find what the login left, and the browser is not let in.',
    why: 'The callback is a page like any other: where no route takes it, or no cookie reaches it, every login ends nowhere.',
  },
  params: { policy: 'policy' },
  async collect(stage, { policy }) {
    await stage.apply(policy);
    await stage.visit('first', visit(listed, { jar: 'shared' }));
    await stage.visit('second', visit(listed, { ...second, jar: 'shared' }));
    await stage.apply('no-route');
    await stage.visit('no-route', visit(listed));
    await stage.apply('no-domain');
    await stage.visit('no-domain', visit(listed));
  },
  judge: ({ probe }) => [
    probe('first', loggedIn, answered(200), receivedBy('app1')),
    probe(
      'second',
      providerSaw('authorize', 0),
      endedAt(app2),
      answered(200),
      loggedAt(gateway, 200, 'via_upstream'),
      receivedBy('app2'),
    ),
    probe('no-route', endedByItself, answered(404), loggedAt(gateway, 404)),
    probe('no-domain', endedByItself, answered(401), loggedAt(gateway, 401)),
  ],
  twins: [
    {
      name: 'host-only-cookies',
      sabotage: 'The callback is on the host of the first application, and cookies belong to that host.',
      breaks: 'provider-saw',
      on: 'second',
      params: { policy: 'host-only' },
    },
  ],
});
