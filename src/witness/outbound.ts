import { z } from 'zod';
import type { Manifest } from '#lab/cluster.ts';

/** What a proxy does with HTTP calls to hosts that it does not know, as its routes say; undefined while they disagree. */
export type OutboundPolicy = 'ALLOW_ANY' | 'REGISTRY_ONLY' | undefined;

/** Admin path that answers with the routes of the outbound listeners. */
export const outboundDumpPath = '/config_dump?resource=dynamic_route_configs';

const dump = z.looseObject({
  configs: z
    .array(
      z.looseObject({
        route_config: z
          .looseObject({ virtual_hosts: z.array(z.looseObject({ name: z.string().optional() })).default([]) })
          .optional(),
      }),
    )
    .default([]),
});

/** The virtual host that Istio ends each list with, and what it does with a host that no other one names. */
const catchAll = { allow_any: 'ALLOW_ANY', block_all: 'REGISTRY_ONLY' } as const;

/**
 * Reads the policy out of a config dump.
 *
 * @param body JSON text of {@link outboundDumpPath}
 */
export function outboundPolicy(body: string): OutboundPolicy {
  const hosts = dump.parse(JSON.parse(body)).configs.flatMap(({ route_config: routes }) => routes?.virtual_hosts ?? []);
  const names = new Set(hosts.map(({ name }) => name));
  const found = Object.entries(catchAll).filter(([name]) => names.has(name));
  return found.length === 1 ? found[0]?.[1] : undefined;
}

interface Sidecar extends Manifest {
  spec?: {
    workloadSelector?: { labels?: Record<string, string> };
    outboundTrafficPolicy?: { mode?: Exclude<OutboundPolicy, undefined> };
  };
}

/**
 * What a workload's proxy must do once the control plane has caught up with these objects: the Sidecar that selects it
 * wins, then that of its namespace; without one, Istio's default.
 *
 * @param objects the Sidecar objects of the workload's namespace
 */
export function expectedOutbound(
  { labels }: { labels: Record<string, string> },
  objects: readonly Manifest[],
): OutboundPolicy {
  const selectors = (objects as readonly Sidecar[]).map(({ spec }) => ({
    selector: Object.entries(spec?.workloadSelector?.labels ?? {}),
    mode: spec?.outboundTrafficPolicy?.mode,
  }));
  const own = selectors.find(
    ({ selector }) => selector.length > 0 && selector.every(([key, value]) => labels[key] === value),
  );
  const namespace = selectors.find(({ selector }) => selector.length === 0);
  return (own ?? namespace)?.mode ?? 'ALLOW_ANY';
}
