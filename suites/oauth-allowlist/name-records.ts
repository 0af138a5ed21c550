import type { Manifest } from '#lab/cluster.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';
import type { Stage } from '#verdict/stage.ts';

interface Route extends Manifest {
  metadata: Manifest['metadata'] & { generation?: number };
  spec?: { hostnames?: string[]; parentRefs?: { name: string }[] };
  status?: { parents?: { parentRef: { name: string }; conditions?: Condition[] }[] };
}

interface Condition {
  type: string;
  status: string;
  observedGeneration?: number;
}

interface Gateway extends Manifest {
  status?: { addresses?: { value: string }[] };
}

const api = 'gateway.networking.k8s.io/v1';

/** Addresses of all gateways of the scene that have one, by name. */
export async function addressesOf(stage: Stage): Promise<Record<string, string>> {
  const all = await stage.objects(api, 'Gateway', stage.names['namespace'] ?? '');
  const told = (all as Gateway[]).flatMap(({ metadata, status }) => {
    const address = status?.addresses?.[0]?.value;
    return address === undefined ? [] : [[metadata.name, address]];
  });
  return Object.fromEntries(told) as Record<string, string>;
}

/**
 * The addresses that a DNS controller publishes for a host, by the rule of external-dns: those of the gateways that its route
 * names as parents and that have taken it on. Waits until each of them has spoken of the route as it is now; what a parent of before
 * has said stays in the status.
 */
export async function recordOf(stage: Stage, host: string): Promise<string[]> {
  const look = async (): Promise<Look<string[]>> => {
    const routes = (await stage.objects(api, 'HTTPRoute', stage.names['apps'] ?? '')) as Route[];
    const route = routes.find(({ spec }) => spec?.hostnames?.includes(host));
    const said = (route?.spec?.parentRefs ?? []).map(({ name }) => {
      const own = route?.status?.parents?.find(({ parentRef }) => parentRef.name === name)?.conditions ?? [];
      const now = own.find(
        (each) => each.type === 'Accepted' && each.observedGeneration === route?.metadata.generation,
      );
      return { name, accepted: now?.status };
    });
    const silent = said.find(({ accepted }) => accepted === undefined);
    if (said.length === 0 || silent) return { seen: silent ? `${silent.name} has said nothing yet` : 'no such route' };
    const addresses = await addressesOf(stage);
    return { done: said.flatMap(({ name, accepted }) => (accepted === 'True' ? [addresses[name] ?? 'none'] : [])) };
  };
  const options = { timeoutMs: timeouts.gatewayProgrammedMs, intervalMs: timeouts.objectPollMs, signal: stage.signal };
  return until(`gateways to take the route of ${host} on`, look, options);
}
