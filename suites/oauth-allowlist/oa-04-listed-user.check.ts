// Proves that a listed user gets in over a whole login, and that the browser is left with the cookies that it should have.
import { check } from '#verdict/check.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { counterGrew } from '#verdict/expectations/counter.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { endedAt, holdsCookie, holdsNoCookie, loggedIn, sentTo } from '#verdict/expectations/visit.ts';
import { app1, authorization, callback, gateway, listed, loginUses, visit } from './homelab.ts';

/** What the filters count: the login and the page behind it, a token verified, a request that the list let in. */
const counters = { [gateway]: ['.oauth_success', 'jwt_authn.allowed', 'rbac.allowed'] };
const held = { secure: true, httpOnly: true, domain: 'homelab.test' };

export default check({
  id: 'OA-04',
  title: 'Listed user gets in',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['login', 'headline-oauth'],
  needs: ['envoy-gateway', 'load-balancer'],
  scene: 'homelab',
  uses: loginUses,
  applies: ['oauth-policy.yaml'],
  story: {
    setUp: 'The working policy on a gateway: OIDC login, the ID token verified, one address on the list.',
    sends: 'A browser without cookies goes to the application and logs in at the provider as the listed user.',
    expects:
      'The callback sends it back to the page that it wanted, which answers 200. It holds the ID token, the access token, the HMAC and the expiry as Secure, HttpOnly cookies of the parent domain; nonce and verifier of the login are gone.',
    why: 'Everything else of an allowlist rests on this way being open, and on cookies that no script and no other site can read.',
  },
  params: { alter: 'none' },
  async collect(stage, { alter }) {
    await stage.apply('policy');
    await stage.visit('login', visit(listed, { counters, ...(alter !== 'none' && { alter }) }));
  },
  judge: ({ probe, names }) => [
    probe(
      'login',
      sentTo(authorization(names)),
      sentTo(callback),
      loggedIn,
      endedAt(app1),
      answered(200),
      loggedAt(gateway, 200, 'via_upstream'),
      receivedBy('app1'),
      counterGrew(gateway, '.oauth_success', 2),
      counterGrew(gateway, 'jwt_authn.allowed', 1),
      counterGrew(gateway, 'rbac.allowed', 1),
      ...['id-token-a', 'access-token-a', 'OauthHMAC', 'OauthExpires'].map((name) => holdsCookie(name, held)),
      holdsNoCookie('OauthNonce'),
      holdsNoCookie('CodeVerifier'),
    ),
  ],
  twins: [
    {
      name: 'altered-state',
      sabotage: 'The state that comes back from the provider has been altered on its way.',
      breaks: 'status-200',
      params: { alter: 'state' },
    },
    {
      name: 'provider-not-trusted',
      sabotage: 'The gateway trusts another CA than the one that the certificate of the provider comes from.',
      breaks: 'status-200',
    },
  ],
});
