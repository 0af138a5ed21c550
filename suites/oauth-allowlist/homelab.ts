import { createHash } from 'node:crypto';
import type { Manifest } from '#lab/cluster.ts';
import { markHost } from '#verdict/settle-gateway.ts';
import type { CallPlan, Stage } from '#verdict/stage.ts';
import type { VisitPlan } from '#verdict/visits.ts';

/** The gateway behind a login, and the applications on it. */
export const gateway = 'envoy-oauth-a';
export const app1 = 'https://app1.homelab.test/';
type Names = Record<string, string>;
/** What the scene's own provider is called. Evidence from before it could be another one does not say so. */
const ours = {
  'authorization-endpoint': 'https://accounts.idp.test/auth',
  client: 'homelab',
  listed: 'user@example.com',
};
const called = (names: Names, what: keyof typeof ours): string => names[what] ?? ours[what];
/** Where the provider asks who somebody is, without what it wants to be told there. */
export const authorization = (names: Names): string => called(names, 'authorization-endpoint').split('?', 1)[0] ?? '';
export const clientOf = (names: Names): string => called(names, 'client');
/** The address that the working policy lists. */
export const listedEmail = (names: Names): string => called(names, 'listed');
export const callback = 'https://oauth-app1.homelab.test/oauth2/callback';
/** The user who is on the list of the working policy; who that is at a provider of the user's, a visit knows. */
export const listed = 'user@example.com';

/** Workloads that most checks of a login stand on. */
export const loginUses = [gateway, 'app1', 'accounts', 'browser'];

/** A browser that goes to the first application, and logs in as this user when it is asked to. */
export const visit = (user?: string, more: Partial<VisitPlan> = {}): VisitPlan => ({
  from: 'browser',
  to: 'app1',
  gateway,
  url: app1,
  ...(user !== undefined && { login: user }),
  ...more,
});

/** A request without a login to the first application, by way of a gateway. */
export const anonymous = (stage: Stage, more: Partial<CallPlan> & { via?: string } = {}): CallPlan => {
  const { via = gateway, ...rest } = more;
  const address = stage.scene.workload(via).address ?? '';
  return {
    from: 'browser',
    to: 'app1',
    url: app1,
    connectTo: { address, port: 443 },
    tls: { serverName: new URL(rest.url ?? app1).hostname, verify: false },
    ...rest,
  };
};

interface Policy extends Manifest {
  spec?: { targetRefs?: { name: string }[] };
  status?: { ancestors?: { conditions?: { type: string; status: string; reason?: string; message?: string }[] }[] };
}

/** What the controller says of a policy, whether there is one, and what may have become of it if there is not. */
export async function policyStatus(stage: Stage, name = 'oauth-a') {
  const { namespace = '', apps = '' } = stage.names;
  const [found, elsewhere] = await Promise.all(
    [namespace, apps].map(async (each): Promise<Policy | undefined> => {
      const all = await stage.objects('gateway.envoyproxy.io/v1alpha1', 'SecurityPolicy', each);
      return all.find(({ metadata }) => metadata.name === name);
    }),
  );
  const targets = found?.spec?.targetRefs?.map((each) => each.name);
  const said = found?.status?.ancestors?.[0]?.conditions?.find(({ type }) => type === 'Accepted');
  return {
    exists: found !== undefined,
    ...(targets && { targets }),
    ...(!found && elsewhere && { elsewhere: apps }),
    ...(said && { accepted: said.status, ...(said.reason && { reason: said.reason }) }),
    ...(said?.message && { message: said.message }),
  };
}

interface Targeted extends Manifest {
  spec?: { targetRefs?: { name: string }[]; targetRef?: { name: string }; targetSelectors?: object[] };
  status?: { ancestors?: { ancestorRef?: { name?: string } }[] };
}

/** SecurityPolicies that say, or whose controller says, that they are about this gateway. */
export async function policiesOn(stage: Stage, name: string): Promise<string[]> {
  const namespace = stage.names['namespace'] ?? '';
  const all = (await stage.objects('gateway.envoyproxy.io/v1alpha1', 'SecurityPolicy', namespace)) as Targeted[];
  const about = ({ spec, status }: Targeted) => [
    ...(spec?.targetRefs ?? []).map((each) => each.name),
    ...(status?.ancestors ?? []).map((each) => each.ancestorRef?.name),
  ];
  return all.filter((each) => about(each).includes(name)).map(({ metadata }) => metadata.name);
}

/** Hash of the listeners and routes that a gateway's proxy runs with; ours to see that it follows is left out. */
export async function effectiveConfig(stage: Stage, name: string): Promise<string> {
  const dump = async (resource: string) =>
    JSON.parse(await stage.adminPage(name, `/config_dump?resource=${resource}`)) as { configs?: unknown[] };
  const [listeners, routes] = await Promise.all([dump('dynamic_listeners'), dump('dynamic_route_configs')]);
  const text = JSON.stringify([listeners, routes], (key, value: unknown) => {
    if (key === 'last_updated' || key === 'version_info') return undefined;
    if (key !== 'virtual_hosts' || !Array.isArray(value)) return value;
    return value.filter((host: { domains?: string[] }) => !host.domains?.some((each) => each.endsWith(markHost)));
  });
  return createHash('sha256').update(text).digest('hex');
}
