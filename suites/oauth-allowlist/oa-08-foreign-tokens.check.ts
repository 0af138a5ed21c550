// Proves that an ID token which is not for this client, not from this provider, too old or wrongly signed lets nobody in.
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { endedByItself, loggedIn, providerSaw } from '#verdict/expectations/visit.ts';
import { guarded } from './expect.ts';
import { anonymous, gateway, listed, loginUses, visit } from './homelab.ts';

/** What the provider does to the tokens of each login, and how the gateway's JWT filter answers and names it. */
const tokens = {
  issuer: [{ issuer: 'https://other.idp.test' }, 401, 'jwt_authn_access_denied{Jwt_issuer_is_not_configured}'],
  audience: [{ audience: 'other-client' }, 403, 'jwt_authn_access_denied{Audiences_in_Jwt_are_not_allowed}'],
  signature: [{ signing: 'foreign' }, 401, 'jwt_authn_access_denied{Jwt_verification_fails}'],
  expired: [{ idTokenSeconds: -600 }, 401, 'jwt_authn_access_denied{Jwt_is_expired}'],
} as const;

export default check({
  id: 'OA-08',
  title: 'Foreign and broken tokens',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['login', 'tokens', 'denial'],
  needs: ['envoy-gateway', 'load-balancer', 'scripted-provider'],
  scene: 'homelab',
  uses: loginUses,
  applies: ['oauth-policy.yaml'],
  story: {
    setUp:
      'The working policy, and a provider that gives the listed user a token of another issuer, for another client, signed with a key that it does not publish, or ten minutes too old; and one that is 30 s too old, as from a clock that is slow.',
    sends:
      'A whole login for each, with a login that gets a good token before and after; then a token of nobody, put into the cookie by hand.',
    expects:
      '401 for the issuer, 403 for the audience, 401 for the signature and the age, each in the words of the JWT filter; the application receives nothing. Envoy allows clocks 60 s of difference, so 30 s pass. The cookie alone is no login: back to the provider.',
    why: 'The login itself does not look into the ID token. Only the JWT provider of the policy does, and each field that it lacks is one that nobody checks.',
  },
  async collect(stage) {
    await stage.apply('policy');
    await stage.visit('before', visit(listed, { role: 'control' }));
    for (const [name, [script]] of Object.entries(tokens)) {
      await stage.misbehave('accounts', script);
      await stage.visit(name, visit(listed));
    }
    await stage.misbehave('accounts', { idTokenSeconds: -30 });
    await stage.visit('slow-clock', visit(listed));
    await stage.misbehave('accounts', {});
    await stage.call('injected', anonymous(stage, { headers: { cookie: `id-token-a=${handMade()}` } }));
    await stage.visit('after', visit(listed, { role: 'control' }));
  },
  judge: ({ probe, names }) => [
    ...['before', 'after'].map((name) => probe(name, answered(200), receivedBy('app1'))),
    ...Object.entries(tokens).map(([name, [, status, details]]) =>
      probe(
        name,
        name === 'expired' ? renewed : loggedIn,
        endedByItself,
        answered(status),
        loggedAt(gateway, status, details),
        notReceivedBy('app1'),
      ),
    ),
    probe('slow-clock', renewed, answered(200), loggedAt(gateway, 200), receivedBy('app1')),
    probe('injected', guarded(names), loggedAt(gateway, 302), notReceivedBy('app1')),
  ],
  twins: [
    {
      name: 'any-audience',
      sabotage:
        'The JWT provider of the policy names no audience, so a token for another client of the same provider will do.',
      breaks: 'status-403',
      on: 'audience',
    },
  ],
});

/** For a token that is too old the gateway asks at once for another, with the refresh token; it is as old. */
const renewed = providerSaw('token', 2);

/** A token that says what the policy wants to hear, under a signature that is none. */
function handMade(): string {
  const claims = {
    iss: 'https://accounts.idp.test',
    aud: 'homelab',
    email: listed,
    email_verified: true,
    exp: 4_102_444_800,
  };
  const parts = [{ alg: 'RS256', typ: 'JWT' }, claims].map((each) => JSON.stringify(each));
  return [...parts, 'signature'].map((each) => Buffer.from(each).toString('base64url')).join('.');
}
