import { parse } from 'yaml';
import { z } from 'zod';
import type { Manifest } from '#lab/cluster.ts';

export const routes = z.array(
  z.object({
    /** What the route matches, as reports name it: `/auth/`. */
    match: z.string(),
    /** A path that it takes, and no other route of the same listener before it. */
    path: z.string(),
    /** Istio's name for the cluster that the route should leave by, of the Service that Envoy's cluster names. */
    cluster: z.string(),
    /** The workload that answers. */
    service: z.string(),
  }),
);
export type Route = z.infer<typeof routes>[number];

const address = z.object({ socket_address: z.object({ address: z.string(), port_value: z.number() }) });
const envoyConfig = z.object({
  static_resources: z.object({
    listeners: z.array(
      z.object({
        address,
        filter_chains: z.array(
          z.object({
            filters: z.array(
              z.object({
                typed_config: z.object({
                  route_config: z.object({
                    virtual_hosts: z.array(
                      z.object({
                        routes: z.array(
                          z.object({
                            match: z.union([z.object({ prefix: z.string() }), z.object({ path: z.string() })]),
                            route: z.object({ cluster: z.string() }),
                          }),
                        ),
                      }),
                    ),
                  }),
                }),
              }),
            ),
          }),
        ),
      }),
    ),
    clusters: z.array(
      z.object({
        name: z.string(),
        load_assignment: z.object({
          endpoints: z.array(z.object({ lb_endpoints: z.array(z.object({ endpoint: z.object({ address }) })) })),
        }),
      }),
    ),
  }),
});

/**
 * The routes of one listener of the gateway, as its ConfigMap holds them.
 *
 * @param maps ConfigMaps of the gateway's namespace
 * @param port of the listener
 * @throws Error when there is no such ConfigMap, or envoy.yaml is not of that shape
 */
export function gatewayRoutes(maps: readonly Manifest[], port: number): Route[] {
  const map: ConfigMap | undefined = maps.find(({ metadata }) => metadata.name === 'envoy-gateway-config');
  if (map === undefined) throw new Error('no ConfigMap envoy-gateway-config');
  const { listeners, clusters } = envoyConfig.parse(parse(map.data?.['envoy.yaml'] ?? '')).static_resources;
  const hosts = listeners
    .filter((each) => each.address.socket_address.port_value === port)
    .flatMap(({ filter_chains: chains }) => chains.flatMap(({ filters }) => filters))
    .flatMap(({ typed_config: manager }) => manager.route_config.virtual_hosts);
  return hosts
    .flatMap((host) => host.routes)
    .map(({ match, route }) => {
      const [endpoint] = clusters
        .filter(({ name }) => name === route.cluster)
        .flatMap((each) => each.load_assignment.endpoints.flatMap((group) => group.lb_endpoints))
        .map((each) => each.endpoint.address.socket_address);
      if (endpoint === undefined) throw new Error(`envoy.yaml has no cluster ${route.cluster} with an endpoint`);
      const matched = 'prefix' in match ? match.prefix : match.path;
      return {
        match: matched,
        path: 'prefix' in match ? `${matched}sweep` : matched,
        cluster: `outbound|${endpoint.port_value}||${endpoint.address}`,
        service: endpoint.address.split('.')[0] ?? '',
      };
    });
}

interface ConfigMap extends Manifest {
  data?: Record<string, string>;
}
