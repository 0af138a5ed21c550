// Proves that a change of the list holds from the next request on, without a restart, even against a login that is still good.
import { whileStopped } from '#lab/suspend.ts';
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { providerSaw } from '#verdict/expectations/visit.ts';
import { deniedByList } from './expect.ts';
import { gateway, listed, loginUses, visit } from './homelab.ts';

const stays = 'second@example.com';
const comes = 'third@example.com';

export default check({
  id: 'OA-21',
  title: 'List change and revocation',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['login', 'allowlist', 'denial'],
  needs: ['envoy-gateway', 'load-balancer', 'scripted-provider'],
  scene: 'homelab',
  uses: loginUses,
  applies: ['oauth-policy.yaml'],
  story: {
    setUp: 'The working policy with two entries, and two users who have logged in.',
    sends: 'The list loses its first entry and gains a third; all three come, the first two with their cookies.',
    expects:
      'The first is denied on its next request, its live cookie notwithstanding; the second is not asked to log in again; the third gets in.',
    why: 'Taking somebody off the list must not wait for the end of a session.',
  },
  params: { next: 'changed', controller: 'runs' },
  async collect(stage, { next, controller }) {
    await stage.apply('two');
    await stage.visit('first-before', visit(listed, { jar: 'first' }));
    await stage.visit('before', visit(stays, { jar: 'second', role: 'control' }));
    const revoked = () => stage.visit('first-after', visit(listed, { jar: 'first' }));
    if (controller === 'stopped')
      await whileStopped(stage.scene.cluster, 'envoy-gateway', async () => {
        await stage.scene.apply(stage.documents(next), stage.signal);
        await revoked();
      });
    await stage.apply(next);
    if (controller === 'runs') await revoked();
    await stage.visit('third', visit(comes));
    await stage.visit('after', visit(stays, { jar: 'second', role: 'control' }));
  },
  judge: ({ probe }) => [
    probe('first-before', answered(200), receivedBy('app1')),
    probe('before', answered(200), receivedBy('app1')),
    probe(
      'first-after',
      providerSaw('authorize', 0),
      answered(403, 'RBAC: access denied'),
      deniedByList(gateway),
      notReceivedBy('app1'),
    ),
    probe('third', answered(200), loggedAt(gateway, 200), receivedBy('app1')),
    probe('after', answered(200), receivedBy('app1')),
  ],
  twins: [
    {
      name: 'stale-list',
      sabotage: 'The change does not reach the gateway: the list is the one of before.',
      breaks: 'denied-by-policy',
      on: 'first-after',
      params: { next: 'two' },
    },
    {
      name: 'controller-stopped',
      sabotage:
        'The controller is stopped while the list is changed: the API server has the new one, the gateway the old.',
      breaks: 'denied-by-policy',
      on: 'first-after',
      params: { controller: 'stopped' },
    },
  ],
});
