// Proves what a logout does here and what it does not: cookies are cleared, the provider is not told, and an old cookie stays good.
import { check } from '#verdict/check.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { endedAt, endedByItself, holdsNoCookie, providerSaw, sentTo } from '#verdict/expectations/visit.ts';
import { authorization, gateway, listed, loginUses, visit } from './homelab.ts';

const open = 'envoy-external';
const landing = 'https://pages.homelab.test/logged-out';
const logout = 'https://app1.homelab.test/logout';

export default check({
  id: 'OA-15',
  title: 'Logout and its page',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['login', 'pages', 'cookies'],
  needs: ['envoy-gateway', 'load-balancer', 'scripted-provider'],
  scene: 'homelab',
  uses: [...loginUses, open, 'pages'],
  applies: ['oauth-policy.yaml'],
  story: {
    setUp:
      'The working policy with a logout path; a provider without a logout endpoint, as Google is; a page on the open gateway.',
    sends:
      'A login, a logout, and a visit of the page for it. A copy of the cookies from before the logout is used again.',
    expects:
      'The logout clears the cookies and leads to the root of the site, which asks for a login again. The page on the open gateway can be read. The copied cookies still let in: they are good until they expire.',
    why: 'Whoever expects a logout to end a session everywhere is wrong three times, and should know where.',
  },
  params: { path: logout },
  async collect(stage, { path }) {
    await stage.apply('policy');
    await stage.visit('login', visit(listed, { jar: 'one' }));
    await stage.copyJar('browser', 'one', 'copy');
    await stage.visit('logout', visit(undefined, { jar: 'one', url: path, stopAt: authorization(stage.names) }));
    await stage.visit(
      'page',
      visit(undefined, { jar: 'one', url: landing, hosts: { 'pages.homelab.test': open }, to: 'pages' }),
    );
    await stage.visit('replay', visit(undefined, { jar: 'copy' }));
  },
  judge: ({ probe, names }) => [
    probe('login', answered(200), receivedBy('app1')),
    probe(
      'logout',
      endedByItself,
      sentTo(authorization(names)),
      ...['id-token-a', 'access-token-a', 'OauthHMAC'].map(holdsNoCookie),
    ),
    probe('page', endedAt(landing), answered(200), loggedAt(open, 200), receivedBy('pages')),
    probe('replay', answered(200), loggedAt(gateway, 200), receivedBy('app1'), providerSaw('authorize', 0)),
  ],
  twins: [
    {
      name: 'no-logout',
      sabotage: 'The page that is asked for is not the logout path of the policy.',
      breaks: 'no-cookie',
      on: 'logout',
      params: { path: 'https://app1.homelab.test/sign-out' },
    },
  ],
});
