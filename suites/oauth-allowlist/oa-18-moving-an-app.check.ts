// Proves that an application moves behind the login by the name of its parent alone, and that a new gateway leaves the others alone.
import { z } from 'zod';
import type { Manifest } from '#lab/cluster.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';
import { check } from '#verdict/check.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { merged } from '#verdict/overlay.ts';
import type { Stage } from '#verdict/stage.ts';
import { guarded } from './expect.ts';
import { anonymous, gateway, loginUses } from './homelab.ts';
import { addressesOf, recordOf } from './name-records.ts';

const open = 'envoy-external';
const added = 'envoy-oauth-c';
const host = 'moving.homelab.test';
const url = `https://${host}/`;
/** How MetalLB is asked for an address, on the Service that the controller makes of a Gateway. */
const addressAnnotation = 'metallb.io/loadBalancerIPs';
const addresses = z.record(z.string(), z.string());

export default check({
  id: 'OA-18',
  title: 'Moving an app, adding a gateway',
  level: 'extended',
  system: 'oauth-allowlist',
  tags: ['rollout'],
  needs: ['envoy-gateway', 'load-balancer'],
  scene: 'homelab',
  uses: [...loginUses, open],
  applies: ['oauth-policy.yaml'],
  story: {
    setUp:
      'A route of an application on the open gateway; then the same with the gateway behind a login as its parent; then one gateway more, which asks for an address of its own in the words of the load balancer.',
    sends: 'An anonymous request by way of each gateway, before and after the move.',
    expects:
      'Before: 200 on the open gateway. After: 404 there, and a redirect to the provider on the other; the name of the application leads there, too. The new gateway gets the address that it asked for, and every other keeps its own.',
    why: 'An application that hangs on both gateways is open, whatever its policy says; a gateway that takes the address of another takes its traffic, too. An annotation of another load balancer is read by nobody.',
  },
  params: { route: 'moved', annotation: addressAnnotation },
  async collect(stage, { route, annotation }) {
    await stage.apply('policy', 'app');
    await stage.call('before', anonymous(stage, { via: open, url }));
    const before = await addressesOf(stage);
    const recordBefore = await recordOf(stage, host);
    await stage.apply(route);
    await stage.call('old', anonymous(stage, { via: open, url }));
    await stage.call('new', anonymous(stage, { url }));
    stage.record('name', { before: recordBefore, after: await recordOf(stage, host) });
    const wanted = await lastAddress(stage);
    await stage.applyObjects(stage.documents('gateway').map((each) => asking(each, annotation, wanted)));
    stage.record('address-wanted', wanted);
    stage.record('addresses-before', before);
    stage.record(
      'addresses-after',
      await until(`${added} to get an address`, () => withAdded(stage), {
        timeoutMs: timeouts.gatewayProgrammedMs,
        intervalMs: timeouts.objectPollMs,
        signal: stage.signal,
      }),
    );
  },
  judge: ({ probe, fact, evidence, names }) => [
    probe('before', answered(200), loggedAt(open, 200), receivedBy('app1')),
    probe('old', answered(404), loggedAt(open, 404)),
    probe('new', guarded(names), loggedAt(gateway, 302)),
    fact(
      'name',
      factIs({
        expectation: 'name-follows',
        kind: 'object',
        from: 'HTTPRoute status',
        expected: `${host} at the address of ${open}, then at that of ${gateway}`,
        shape: z.object({ before: z.array(z.string()), after: z.array(z.string()) }),
        met: (found) => {
          const at = addresses.safeParse(evidence.facts['addresses-before']).data ?? {};
          return found.before.join() === at[open] && found.after.join() === at[gateway];
        },
        seen: (found) => `${found.before.join(', ')}, then ${found.after.join(', ')}`,
      }),
    ),
    fact(
      'addresses-after',
      factIs({
        expectation: 'addresses-kept',
        kind: 'object',
        from: 'Gateway status',
        expected: `an address of its own for ${added}, and all others as before`,
        shape: addresses,
        met: (after) => {
          const before = addresses.safeParse(evidence.facts['addresses-before']).data ?? {};
          const { [added]: own, ...others } = after;
          return own !== undefined && !Object.values(others).includes(own) && sameAs(before, others);
        },
        seen: listOf,
      }),
    ),
    fact(
      'addresses-after',
      factIs({
        expectation: 'address-wanted',
        kind: 'object',
        from: 'Gateway status',
        expected: `${added} at the address that it asked for`,
        shape: addresses,
        met: (after) => after[added] === evidence.facts['address-wanted'],
        seen: listOf,
      }),
    ),
  ],
  twins: [
    {
      name: 'on-both',
      sabotage: 'The route names both gateways as its parents.',
      breaks: 'status-404',
      on: 'old',
      params: { route: 'on-both' },
    },
    {
      name: 'other-load-balancer',
      sabotage: 'The new gateway asks for its address by the annotation of Cilium, which MetalLB does not read.',
      breaks: 'address-wanted',
      params: { annotation: 'lbipam.cilium.io/ips' },
    },
  ],
});

const listOf = (all: Record<string, string>): string =>
  Object.entries(all)
    .map(([name, address]) => `${name} ${address}`)
    .join(', ');

interface Pool extends Manifest {
  spec?: { addresses?: string[] };
}

/** The last address of the pool: gateways get theirs from its beginning. */
async function lastAddress(stage: Stage): Promise<string> {
  const [pool] = (await stage.objects('metallb.io/v1beta1', 'IPAddressPool', 'metallb-system')) as Pool[];
  return pool?.spec?.addresses?.[0]?.split('-').at(-1) ?? '';
}

const asking = (gatewayObject: Manifest, annotation: string, address: string): Manifest =>
  merged(gatewayObject, { spec: { infrastructure: { annotations: { [annotation]: address } } } });

const sameAs = (before: Record<string, string>, after: Record<string, string>): boolean =>
  Object.keys(before).length > 0 && Object.entries(before).every(([name, address]) => after[name] === address);

async function withAdded(stage: Stage): Promise<Look<Record<string, string>>> {
  const found = await addressesOf(stage);
  return added in found ? { done: found } : { seen: Object.keys(found).join(', ') };
}
