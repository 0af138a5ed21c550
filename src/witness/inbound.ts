import { z } from 'zod';

/** What one proxy enforces on calls that come in, as its running configuration says. */
export interface InboundFacts {
  /** Per port: does the listener take TLS only, plaintext too, or no mesh TLS at all. */
  modes: Record<number, MtlsMode>;
  /** Authorization policies in force, as `namespace/name`, sorted. */
  policies: string[];
  /** True when an ALLOW list is in force, even an empty one (which admits nobody). */
  allowList: boolean;
}
export type MtlsMode = 'STRICT' | 'PERMISSIVE' | 'DISABLE';

/** Admin path that answers with nothing but the inbound listener. */
export const inboundDumpPath = '/config_dump?resource=dynamic_listeners&name_regex=virtualInbound';

/** The listener's own port has a chain too, which drops what calls it directly. */
const listenerPort = 15_006;

const filter = z.looseObject({ name: z.string().optional(), typed_config: z.looseObject({}).optional() });
const chain = z.looseObject({
  filter_chain_match: z
    .looseObject({ destination_port: z.number().optional(), transport_protocol: z.string().optional() })
    .optional(),
  transport_socket: z.looseObject({}).optional(),
  filters: z.array(filter).default([]),
});
const dump = z.looseObject({
  configs: z
    .array(
      z.looseObject({
        name: z.string().optional(),
        active_state: z
          .looseObject({ listener: z.looseObject({ filter_chains: z.array(chain).default([]) }) })
          .optional(),
      }),
    )
    .default([]),
});

/**
 * Reads the inbound listener out of a config dump.
 *
 * @param body JSON text of {@link inboundDumpPath}
 */
export function inboundFacts(body: string): InboundFacts {
  const chains = dump
    .parse(JSON.parse(body))
    .configs.flatMap((config) => config.active_state?.listener.filter_chains ?? []);
  const modes: Record<number, MtlsMode> = {};
  for (const port of new Set(chains.map(portOf))) {
    if (port === undefined || port === listenerPort) continue;
    const own = chains.filter((each) => portOf(each) === port);
    const tls = own.some((each) => each.transport_socket !== undefined);
    const plain = own.some((each) => each.transport_socket === undefined);
    modes[port] = tls && plain ? 'PERMISSIVE' : tls ? 'STRICT' : 'DISABLE';
  }
  const rules = chains.flatMap((each) => each.filters.flatMap(httpRbac));
  const policies = [...new Set(rules.flatMap((each) => Object.keys(each.policies ?? {}).map(policyName)))].toSorted();
  return { modes, policies, allowList: rules.some((each) => (each.action ?? 'ALLOW') === 'ALLOW') };
}

const portOf = (each: z.infer<typeof chain>): number | undefined => each.filter_chain_match?.destination_port;

const rbacRules = z.looseObject({
  action: z.string().optional(),
  policies: z.record(z.string(), z.unknown()).optional(),
});
const httpManager = z.looseObject({
  http_filters: z
    .array(
      z.looseObject({
        typed_config: z.looseObject({ '@type': z.string().optional(), rules: rbacRules.optional() }).optional(),
      }),
    )
    .default([]),
});

function httpRbac(each: z.infer<typeof filter>): z.infer<typeof rbacRules>[] {
  const manager = httpManager.safeParse(each.typed_config);
  if (!manager.success) return [];
  return manager.data.http_filters.flatMap(({ typed_config: config }) =>
    config?.['@type']?.endsWith('rbac.v3.RBAC') && config.rules ? [config.rules] : [],
  );
}

/** `ns[semaphore]-policy[allow-gateway]-rule[0]` is policy `semaphore/allow-gateway`. */
function policyName(key: string): string {
  const match = /^ns\[(?<namespace>[^\]]*)\]-policy\[(?<name>[^\]]*)\]/.exec(key);
  return match?.groups ? `${match.groups['namespace']}/${match.groups['name']}` : key;
}
