// Proves that a login on one gateway leaves the open ones as they were: same answers, same configuration, no policy on them.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { guarded } from './expect.ts';
import { anonymous, effectiveConfig, gateway, loginUses, policiesOn } from './homelab.ts';

const open = ['envoy-external', 'envoy-internal'];
const page = 'https://pages.homelab.test/';
const looks = z.object({ before: z.string(), after: z.string() });

export default check({
  id: 'OA-17',
  title: 'Open gateways stay untouched',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['policy', 'gateways'],
  needs: ['envoy-gateway', 'load-balancer'],
  scene: 'homelab',
  uses: [...loginUses, ...open, 'pages'],
  applies: ['oauth-policy.yaml'],
  story: {
    setUp: 'Two open gateways with an application, and a third that gets the working policy.',
    sends:
      'The same anonymous requests to both open gateways before and after; their listeners and routes are read each time.',
    expects:
      'The same answers, the same configuration, and no SecurityPolicy that targets them; the third gateway asks for a login.',
    why: 'A policy whose target is chosen a little too widely puts a login before things that machines use.',
  },
  params: { policy: 'policy' },
  async collect(stage, { policy }) {
    const look = async (when: string) => {
      for (const via of open) await stage.call(`${via}-${when}`, anonymous(stage, { via, url: page, to: 'pages' }));
      return Promise.all(open.map((each) => effectiveConfig(stage, each)));
    };
    const before = await look('before');
    await stage.apply('policy');
    if (policy !== 'policy') await stage.apply(policy);
    const after = await look('after');
    await stage.call('guarded', anonymous(stage));
    for (const [index, each] of open.entries()) {
      stage.record(`config-${each}`, { before: before[index] ?? '', after: after[index] ?? '' });
      stage.record(`policies-${each}`, await policiesOn(stage, each));
    }
  },
  judge: ({ probe, fact, names }) => [
    ...open.flatMap((each) => [
      ...['before', 'after'].map((when) =>
        probe(`${each}-${when}`, answered(200), loggedAt(each, 200), receivedBy('pages')),
      ),
      fact(
        `config-${each}`,
        factIs({
          expectation: 'same-config',
          kind: 'object',
          from: `configuration of ${each}`,
          expected: 'the same hash of listeners and routes',
          shape: looks,
          met: ({ before, after }) => before !== '' && before === after,
          seen: ({ before, after }) => `${before.slice(0, 12)}, then ${after.slice(0, 12)}`,
        }),
      ),
      fact(
        `policies-${each}`,
        factIs({
          expectation: 'no-policy',
          kind: 'object',
          from: 'API server',
          expected: `no SecurityPolicy on ${each}`,
          shape: z.array(z.string()),
          met: (found) => found.length === 0,
          seen: (found) => found.join(', ') || 'none',
        }),
      ),
    ]),
    probe('guarded', guarded(names), loggedAt(gateway, 302)),
  ],
  twins: [
    {
      name: 'wide-selector',
      sabotage: 'A policy chooses its gateways by a label that all of them have.',
      breaks: 'same-config',
      params: { policy: 'wide' },
    },
  ],
});
