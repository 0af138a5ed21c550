import type { CallPlan } from '#verdict/stage.ts';

/** The four services behind the gateway, with their ports. */
export const services = { 'auth-identity': 8081, academics: 8082, attendance: 8083, beacon: 8084 } as const;
export type Service = keyof typeof services;

/** The public Host, which the gateway either passes on or rewrites. */
export const publicHost = 'semaphore.deway.fr';

type Names = Record<string, string>;

/** Name of a Service as its callers write it. */
export const fqdn = (names: Names, service: Service): string => `${service}.${names['namespace']}.svc.cluster.local`;
/** Istio's name for the outbound cluster of a Service. */
export const clusterOf = (names: Names, service: Service): string =>
  `outbound|${services[service]}||${fqdn(names, service)}`;
/** SPIFFE ID of a ServiceAccount of the scene's namespace. */
export const spiffe = (names: Names, account: string): string =>
  `spiffe://cluster.local/ns/${names['namespace']}/sa/${account}`;

/**
 * A request from the internet: the client outside the mesh, through the edge, to one listener of one gateway variant.
 *
 * @param door gateway and listener, as the edge knows it: `envoy-gateway:8080`
 * @param to the service that the path leads to
 * @param edge the workload outside the mesh that takes the place of Traefik
 */
export function throughEdge(names: Names, door: string, path: string, to: string, edge = 'edge'): CallPlan {
  return {
    from: 'edge',
    to,
    url: `http://${edge}.${names['outside']}.svc.cluster.local:8000${path}`,
    headers: { host: publicHost, 'x-edge-backend': door },
  };
}

/** A call from inside a pod straight to a Service. */
export function direct(names: Names, from: string, service: Service, path: string): CallPlan {
  return { from, to: service, url: `http://${fqdn(names, service)}:${services[service]}${path}` };
}
