// Proves that the gateway is guarded by its policy, and finds it open to everybody when the policy was refused, lost or went astray.
import { whileStopped } from '#lab/suspend.ts';
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { accepted, guarded, notAccepted } from './expect.ts';
import { anonymous, gateway, listed, loginUses, policyStatus, visit } from './homelab.ts';

const fresh = 'https://fresh.homelab.test/';

export default check({
  id: 'OA-02',
  title: 'No policy, no service',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['policy', 'fail-open'],
  needs: ['envoy-gateway', 'load-balancer'],
  scene: 'homelab',
  uses: loginUses,
  applies: ['oauth-policy.yaml'],
  story: {
    setUp:
      'A gateway with the working policy; then the same whose client secret has the keys that other products use; then the working one again, and one more application while the controller is stopped.',
    sends: 'An anonymous request under each, with the login of a listed user before and after.',
    expects:
      'The first sends it to the provider. The second is not accepted, and nobody gets in: its JWT provider answers 401 where a login cannot be asked for. The new application is not served, 404, until the controller is back, and then behind the login. In no case does the application receive anything.',
    why: 'A policy that the API server refuses, that is missing, or that stands in another namespace leaves the gateway as open as it was before. So the policy has to be there before routes are attached.',
  },
  params: { policy: 'policy' },
  async collect(stage, { policy }) {
    await stage.apply('policy');
    await stage.visit('before', visit(listed, { role: 'control' }));
    if (policy !== 'policy') await stage.remove('policy');
    const refusal = policy === 'refused' ? await stage.refusal(policy) : undefined;
    if (policy !== 'policy' && policy !== 'none' && policy !== 'refused') await stage.apply(policy);
    stage.record('status', { ...(await policyStatus(stage)), ...(refusal !== undefined && { refusal }) });
    await stage.call('anonymous', anonymous(stage));
    if (policy !== 'policy') await stage.apply('policy');
    await stage.remove('policy');
    await stage.apply('wrong-keys');
    stage.record('status-wrong-keys', await policyStatus(stage));
    await stage.call('wrong-keys', anonymous(stage));
    await stage.remove('wrong-keys');
    await stage.apply('policy');
    await whileStopped(stage.scene.cluster, 'envoy-gateway', async () => {
      await stage.scene.apply(stage.documents('fresh'), stage.signal);
      await stage.call('controller-away', anonymous(stage, { url: fresh }));
    });
    await stage.apply('fresh');
    await stage.call('controller-back', anonymous(stage, { url: fresh }));
    await stage.visit('after', visit(listed, { role: 'control' }));
  },
  judge: ({ probe, fact, names }) => [
    ...['before', 'after'].map((name) => probe(name, answered(200), receivedBy('app1'))),
    probe('anonymous', guarded(names), loggedAt(gateway, 302), notReceivedBy('app1')),
    fact('status', accepted),
    probe('wrong-keys', answered(401), loggedAt(gateway, 401), notReceivedBy('app1')),
    fact('status-wrong-keys', notAccepted),
    probe('controller-away', answered(404), loggedAt(gateway, 404), notReceivedBy('app1')),
    probe('controller-back', guarded(names), loggedAt(gateway, 302), notReceivedBy('app1')),
  ],
  twins: [
    ['refused', 'The policy lacks what its rule needs, so the API server refuses it.'],
    ['none', 'The policy of the healthy gateway is deleted.'],
    ['other-namespace', 'The policy stands in the namespace of the applications, where it reaches no gateway.'],
    ['other-target', 'The policy names a gateway that does not exist.'],
  ].map(([name = '', sabotage = '']) => ({
    name: name === 'none' ? 'deleted' : name,
    sabotage,
    breaks: 'fail-open',
    on: 'anonymous',
    params: { policy: name },
  })),
});
