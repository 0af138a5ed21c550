// Proves that an anonymous browser is sent to the provider with everything in the address that the login needs.
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { asksFor, guarded } from './expect.ts';
import { anonymous, callback, clientOf, gateway, listed, loginUses, visit } from './homelab.ts';

const words = (text: string | null): string[] => text?.split(' ') ?? [];

export default check({
  id: 'OA-03',
  title: 'Redirect to the provider',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['login'],
  needs: ['envoy-gateway', 'load-balancer'],
  scene: 'homelab',
  uses: loginUses,
  applies: ['oauth-policy.yaml'],
  story: {
    setUp: 'The working policy.',
    sends: 'One request without cookies, then a whole login of a listed user.',
    expects:
      'A redirect to the authorization endpoint with the client id, the callback as redirect_uri, a scope with openid and email, a state, and a PKCE challenge of method S256. The login then ends in the application.',
    why: 'Without email in the scope the token has no such claim, and everybody is denied; without state or PKCE a login can be hijacked.',
  },
  params: { asked: 'policy' },
  async collect(stage, { asked }) {
    await stage.apply('policy');
    await stage.visit('before', visit(listed, { role: 'control' }));
    if (asked !== 'policy') await stage.apply(asked);
    await stage.call('anonymous', anonymous(stage));
    if (asked !== 'policy') await stage.apply('policy');
    await stage.visit('after', visit(listed, { role: 'control' }));
  },
  judge: ({ probe, names }) => [
    probe(
      'anonymous',
      guarded(names),
      asksFor('client-id', `client_id ${clientOf(names)}`, (query) => query.get('client_id') === clientOf(names)),
      asksFor('redirect-uri', callback, (query) => query.get('redirect_uri') === callback),
      asksFor('scope-email', 'scope with openid and email', (query) =>
        ['openid', 'email'].every((each) => words(query.get('scope')).includes(each)),
      ),
      asksFor('state', 'a state', (query) => (query.get('state') ?? '') !== ''),
      asksFor(
        'pkce',
        'a PKCE challenge, S256',
        (query) => query.get('code_challenge_method') === 'S256' && (query.get('code_challenge') ?? '') !== '',
      ),
      loggedAt(gateway, 302),
      notReceivedBy('app1'),
    ),
    ...['before', 'after'].map((name) => probe(name, answered(200), receivedBy('app1'))),
  ],
  twins: [
    {
      name: 'no-email-scope',
      sabotage: 'The policy asks for openid alone, so even listed users are denied.',
      breaks: 'scope-email',
      on: 'anonymous',
      params: { asked: 'no-email-scope' },
    },
  ],
});
