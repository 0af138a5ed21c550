// Proves what becomes of a login when its tokens expire, with refresh and without, and while the provider is away.
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { loggedIn, providerSaw } from '#verdict/expectations/visit.ts';
import type { Stage } from '#verdict/stage.ts';
import { guarded } from './expect.ts';
import { anonymous, authorization, gateway, listed, loginUses, visit } from './homelab.ts';

/** Life of the tokens of a login that is to expire: as short as lets a login end before it. */
const lifeSeconds = 4;

export default check({
  id: 'OA-23',
  title: 'Expiry, refresh and provider outage',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['login', 'tokens', 'outage'],
  needs: ['envoy-gateway', 'load-balancer', 'scripted-provider'],
  scene: 'homelab',
  uses: loginUses,
  applies: ['oauth-policy.yaml'],
  story: {
    setUp: `The working policy, and a provider whose tokens live for ${lifeSeconds} s; with refresh, with a provider that refuses it, and with refresh switched off. Then a provider that answers 503 to everything, one that is down while the policy comes, and one that signs with new keys.`,
    sends:
      'A request after the expiry of each login; during the outage one of a user who is logged in, and one of somebody who is not; logins after the provider has come up, and after its keys have changed.',
    expects:
      'With refresh 200, by one call to the token endpoint that no browser took part in. Without it, or refused, back to the login. During the outage whoever is logged in stays so; nobody else gets further than the provider. A policy that comes while the provider is down guards from the start, and lets users in once it is up. After a change of keys a new login is refused, 401, until the published keys are asked for again, which is a matter of the policy.',
    why: 'A login that does not end with its tokens outlives every revocation, and one that ends with each outage of the provider takes all applications with it.',
  },
  params: { later: 'policy' },
  async collect(stage, { later }) {
    const short = { idTokenSeconds: lifeSeconds, accessTokenSeconds: lifeSeconds };
    await stage.apply('policy');
    await stage.visit('before', visit(listed, { role: 'control' }));
    await stage.misbehave('accounts', short);
    await stage.visit('login', visit(listed, { jar: 'refreshed' }));
    if (later !== 'policy') await stage.apply(later);
    await afterExpiry(stage);
    await stage.visit('refreshed', visit(undefined, { jar: 'refreshed', stopAt: authorization(stage.names) }));
    if (later !== 'policy') await stage.apply('policy');

    await stage.misbehave('accounts', { ...short, refuseRefresh: true });
    await stage.visit('login-refused', visit(listed, { jar: 'refused' }));
    await afterExpiry(stage);
    await stage.visit('refused', visit(undefined, { jar: 'refused', stopAt: authorization(stage.names) }));

    await stage.misbehave('accounts', {});
    await stage.visit('login-lasting', visit(listed, { jar: 'lasting' }));
    await stage.misbehave('accounts', { outage: 'error' });
    await stage.visit('lasting', visit(undefined, { jar: 'lasting', stopAt: authorization(stage.names) }));
    await stage.visit('outage', visit(listed));

    await stage.misbehave('accounts', short);
    await stage.apply('no-refresh');
    await stage.visit('login-no-refresh', visit(listed, { jar: 'no-refresh' }));
    await afterExpiry(stage);
    await stage.visit('no-refresh', visit(undefined, { jar: 'no-refresh', stopAt: authorization(stage.names) }));

    await stage.misbehave('accounts', { outage: 'refuse' });
    await stage.remove('no-refresh');
    await stage.apply('policy');
    await stage.call('down-at-start', anonymous(stage));
    await stage.misbehave('accounts', {});
    await stage.visit('recovered', visit(listed));

    await stage.ask('accounts', '/idp/rotate-keys', { dropOld: true });
    await stage.visit('new-keys', visit(listed));
    await stage.apply('short-cache');
    await stage.ask('accounts', '/idp/rotate-keys', { dropOld: true });
    await after(stage, 1);
    await stage.visit('new-keys-asked-for', visit(listed));
    await stage.visit('after', visit(listed, { role: 'control' }));
  },
  judge: ({ probe, names }) => [
    ...['before', 'after', 'login', 'login-refused', 'login-lasting', 'login-no-refresh'].map((name) =>
      probe(name, answered(200), receivedBy('app1')),
    ),
    probe(
      'refreshed',
      answered(200),
      loggedAt(gateway, 200),
      providerSaw('token', 1),
      providerSaw('authorize', 0),
      receivedBy('app1'),
    ),
    ...['refused', 'no-refresh'].map((name) =>
      probe(name, guarded(names), loggedAt(gateway, 302), notReceivedBy('app1')),
    ),
    probe('lasting', answered(200), loggedAt(gateway, 200), receivedBy('app1')),
    ...['recovered', 'new-keys-asked-for'].map((name) => probe(name, loggedIn, answered(200), receivedBy('app1'))),
    probe('down-at-start', guarded(names), loggedAt(gateway, 302), notReceivedBy('app1')),
    probe('new-keys', loggedIn, answered(401), loggedAt(gateway, 401, unknownKey), notReceivedBy('app1')),
    probe('outage', answered(503), providerSaw('token', 0), notReceivedBy('app1')),
  ],
  twins: [
    {
      name: 'removed-from-list',
      sabotage: 'The address is taken off the list while the user is logged in: the renewed login is denied.',
      breaks: 'status-200',
      on: 'refreshed',
      params: { later: 'other-list' },
    },
  ],
});

/** How Envoy says that no published key has the id that the token names. */
const unknownKey = "jwt_authn_access_denied{Jwks_doesn't_have_key_to_match_kid_or_alg_from_Jwt}";

const afterExpiry = (stage: Stage): Promise<true> => after(stage, lifeSeconds);

/** Until what lives so long, by the provider's or the policy's own figure, has expired: nothing tells it but the clock. */
function after({ signal }: Stage, seconds: number): Promise<true> {
  const end = Date.now() + seconds * 1_000 + 500;
  const look = async () => (Date.now() >= end ? { done: true as const } : { seen: `${end - Date.now()} ms to go` });
  return until('tokens or keys to expire', look, { timeoutMs: timeouts.visitMs, signal });
}
