import type { CallPlan } from '#verdict/stage.ts';

/** The seven services of the platform, with their ports. */
export const services = {
  'auth-service': 3000,
  'biometric-service': 3001,
  'session-service': 3002,
  'notification-service': 3003,
  'analytics-service': 3004,
  'api-gateway': 8080,
  'web-app': 8081,
} as const;
export type Service = keyof typeof services;

type Names = Record<string, string>;

/** Istio's name for the outbound cluster of a Service. */
export const clusterOf = (names: Names, service: Service): string =>
  `outbound|${services[service]}||${service}.${names['namespace']}.svc.cluster.local`;
/** SPIFFE ID of a workload: each runs under a ServiceAccount of its own name. */
export const spiffe = (names: Names, workload: Service): string =>
  `spiffe://cluster.local/ns/${names['namespace']}/sa/${workload}`;

/** A call from a workload, or from outside the mesh, to a Service by its FQDN. */
export function callTo(names: Names, from: Service | 'outsider', service: Service, path = '/'): CallPlan {
  const url = `http://${service}.${names['namespace']}.svc.cluster.local:${services[service]}${path}`;
  return { from, to: service, url };
}
