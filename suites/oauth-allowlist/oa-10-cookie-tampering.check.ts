// Proves that a login is good only with all its cookies, and each as the gateway gave it.
import { envoyGatewayNamespace } from '#install/envoy-gateway-names.ts';
import type { Manifest } from '#lab/cluster.ts';
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import type { Stage } from '#verdict/stage.ts';
import type { VisitPlan } from '#verdict/visits.ts';
import { guarded } from './expect.ts';
import { authorization, gateway, listed, loginUses, visit } from './homelab.ts';

type Change = NonNullable<VisitPlan['tamper']>[number];

/** What is done to the cookies of a login, each time to all of them as they were given. */
const changes: Record<string, Change[]> = {
  'hmac-altered': [{ prefix: 'OauthHMAC', op: 'flip' }],
  'expiry-moved': [{ prefix: 'OauthExpires', op: 'set', value: '4102444800' }],
  'id-token-altered': [{ prefix: 'id-token-a', op: 'flip' }],
  'access-token-altered': [{ prefix: 'access-token-a', op: 'flip' }],
  'hmac-dropped': [{ prefix: 'OauthHMAC', op: 'drop' }],
  'expiry-dropped': [{ prefix: 'OauthExpires', op: 'drop' }],
  'id-token-alone': [
    { prefix: 'OauthHMAC', op: 'drop' },
    { prefix: 'OauthExpires', op: 'drop' },
    { prefix: 'access-token-a', op: 'drop' },
  ],
};

export default check({
  id: 'OA-10',
  title: 'Cookie tampering',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['cookies', 'denial'],
  needs: ['envoy-gateway', 'load-balancer'],
  scene: 'homelab',
  uses: loginUses,
  applies: ['oauth-policy.yaml'],
  story: {
    setUp:
      'The working policy without refresh, and the cookies of a listed user who has logged in. With refresh a refresh token alone gets a new login, whatever the other cookies are.',
    sends:
      'A request with the HMAC, the expiry or a token altered, with one of them missing, and with the ID token alone; before and after, one with all of them as they are.',
    expects:
      'Back to the login each time: 302 to the provider, and the application receives nothing. With the untouched cookies 200.',
    why: 'Cookies lie with the user. An expiry that can be moved is a login for ever, and a token that counts without its HMAC can come from anywhere.',
  },
  params: { by: 'stranger' },
  async collect(stage, { by }) {
    await stage.apply('policy');
    await stage.apply('no-refresh');
    await stage.visit('login', visit(listed, { jar: 'whole' }));
    await untouched(stage, 'before');
    const signed = by === 'insider' ? [await signing(stage)] : [];
    for (const [name, changed] of Object.entries(changes)) {
      await stage.copyJar('browser', 'whole', name);
      const tamper = by === 'thief' ? [] : [...changed, ...signed];
      await stage.visit(name, visit(undefined, { jar: name, stopAt: authorization(stage.names), tamper }));
    }
    await untouched(stage, 'after');
  },
  judge: ({ probe, names }) => [
    ...['login', 'before', 'after'].map((name) => probe(name, answered(200), receivedBy('app1'))),
    ...Object.keys(changes).map((name) => probe(name, guarded(names), loggedAt(gateway, 302), notReceivedBy('app1'))),
  ],
  twins: [
    {
      name: 'stolen-whole',
      sabotage: 'All cookies are taken over as they are, as by a thief: nothing about them is wrong.',
      breaks: 'fail-open',
      on: 'expiry-moved',
      params: { by: 'thief' },
    },
    {
      name: 'secret-known',
      sabotage:
        'Whoever moves the expiry has the secret of the controller, and signs again; cookies are in clear, as the same secret opens them. It has to be another one in every installation.',
      breaks: 'fail-open',
      on: 'expiry-moved',
      params: { by: 'insider' },
    },
  ],
});

interface Secret extends Manifest {
  data?: Record<string, string>;
}

/** What the gateway itself would sign of the cookies as they are by then. Envoy signs these five lines. */
async function signing(stage: Stage): Promise<Change> {
  const all: Secret[] = await stage.objects('v1', 'Secret', envoyGatewayNamespace);
  const secret = all.find(({ metadata }) => metadata.name === 'envoy-oidc-hmac')?.data?.['hmac-secret'] ?? '';
  const cookies = ['OauthExpires', 'access-token-a', 'id-token-a', 'RefreshToken'];
  const lines = [{ text: 'homelab.test' }, ...cookies.map((cookie) => ({ cookie }))];
  return { prefix: 'OauthHMAC', op: 'sign', secret, lines };
}

const untouched = (stage: Stage, name: string) =>
  stage.visit(name, visit(undefined, { jar: 'whole', stopAt: authorization(stage.names), role: 'control' }));
