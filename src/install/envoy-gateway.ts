import { envoyGatewayManifests, type EnvoyGatewayManifests } from '#install/envoy-gateway-manifests.ts';
import { envoyGatewayNamespace as namespace, gatewayClass } from '#install/envoy-gateway-names.ts';
import type { EnvoyGatewayParts } from '#install/envoy-gateway-parts.ts';
import { lookWorkload } from '#install/workload-ready.ts';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { owned } from '#lab/manifests.ts';
import { NotReadyError } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';

/**
 * Installs Envoy Gateway with our GatewayClass. What stands with the same version and the same values is left as it is. helm
 * says what to apply; we apply it ourselves, step by step, so that no pod waits for a certificate that is yet to be made.
 *
 * @returns whether anything was installed; false when it stood already
 * @throws NotReadyError with helm's or the API server's words, or when a step is not done in time
 */
export async function installEnvoyGateway(
  cluster: Cluster,
  parts: EnvoyGatewayParts,
  signal?: AbortSignal,
): Promise<boolean> {
  const manifests = await envoyGatewayManifests(parts, signal);
  const stands = (await installedHash(cluster)) === manifests.hash;
  if (!stands) await applyAll(cluster, manifests, signal);
  const options = { timeoutMs: timeouts.controlPlaneReadyMs, ...(signal && { signal }) };
  const controller = { kind: 'Deployment', namespace, name: 'envoy-gateway' } as const;
  await until('the controller of Envoy Gateway to be ready', () => lookWorkload(cluster, controller), options);
  await until(`GatewayClass ${gatewayClass} to be accepted`, () => lookClass(cluster), options);
  if (!stands) await cluster.apply([{ ...record, data: { hash: manifests.hash } } as Manifest], signal);
  return !stands;
}

async function applyAll(cluster: Cluster, manifests: EnvoyGatewayManifests, signal?: AbortSignal): Promise<void> {
  const { definitions, base, certgen, controller } = manifests;
  const home = owned({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  await cluster.apply([home, ...definitions], signal);
  await until('the definitions of the Gateway API to be served', () => lookServed(cluster, manifests.gatewayClass), {
    timeoutMs: timeouts.definitionsServedMs,
    ...(signal && { signal }),
  });
  await cluster.apply(base, signal);
  // A Job cannot be changed, and one that is done does nothing more.
  await cluster.remove(certgen, signal);
  await cluster.apply(certgen, signal);
  for (const job of certgen) await done(cluster, job.metadata.name, signal);
  await cluster.apply([...controller, ...manifests.gatewayClass], signal);
}

/** The API server takes a definition at once, and objects of its kind only a moment later. */
async function lookServed(cluster: Cluster, objects: readonly Manifest[]): Promise<Look<true>> {
  // Throws for a kind that is not yet served.
  await Promise.all(objects.map((each) => cluster.objects.isNamespaced(each)));
  return { done: true };
}

async function done(cluster: Cluster, name: string, signal?: AbortSignal): Promise<void> {
  const look = async (): Promise<Look<Condition>> => {
    const job = await cluster.read<Conditioned>('batch/v1', 'Job', name, namespace);
    const end = job?.status?.conditions?.find(
      ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
    );
    return end ? { done: end } : { seen: job ? 'still running' : 'no such Job' };
  };
  const options = { timeoutMs: timeouts.controlPlaneReadyMs, ...(signal && { signal }) };
  const { type, message } = await until(`Job ${namespace}/${name} to be done`, look, options);
  if (type === 'Failed')
    throw new NotReadyError(
      `Job ${namespace}/${name} failed: ${message ?? 'it does not say why'}`,
      `kubectl --context ${cluster.context} logs --namespace ${namespace} job/${name}`,
    );
}

async function lookClass(cluster: Cluster): Promise<Look<true>> {
  const found = await cluster.read<Conditioned>('gateway.networking.k8s.io/v1', 'GatewayClass', gatewayClass);
  const accepted = found?.status?.conditions?.find(({ type }) => type === 'Accepted');
  return accepted?.status === 'True' ? { done: true } : { seen: accepted?.message ?? 'not yet looked at' };
}

/** Written once an installation is ready: what a rerun compares with. */
const record = owned({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'meshwitness-envoy-gateway', namespace },
});

async function installedHash(cluster: Cluster): Promise<string | undefined> {
  const { name } = record.metadata;
  const found = await cluster.read<Manifest & { data?: { hash?: string } }>('v1', 'ConfigMap', name, namespace);
  return found?.data?.hash;
}

interface Condition {
  type: string;
  status: string;
  message?: string;
}
interface Conditioned {
  metadata?: object;
  status?: { conditions?: Condition[] };
}
