import { Forwards, type PodHttp } from '#lab/forward.ts';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { servicesLeadTo } from '#lab/service-rules.ts';
import { adminPort, sidecarAdminPort } from '#probe/caller.ts';
import type { Course } from '#support/certificates.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';
import type { InboundFacts } from '#witness/inbound.ts';
import { LogFollower } from '#witness/log-follower.ts';
import { withSecrets } from '#verdict/manifest-file.ts';
import { makeCertificates } from '#verdict/scene-certificates.ts';
import { hashAnnotation, type PlannedWorkload, type ScenePlan } from '#verdict/scene-file.ts';
import { readyWorkloads } from '#verdict/ready-workloads.ts';
import type { Workload } from '#verdict/workload.ts';

/** Workloads of one scene under one control plane, ready, with their logs followed. Deployed once, used by many checks. */
export class Scene implements AsyncDisposable {
  readonly plan: ScenePlan;
  readonly cluster: Cluster;
  readonly workloads = new Map<string, Workload>();
  readonly forwards: Forwards;
  readonly followers = new Map<string, LogFollower>();
  /** Courses that its workloads lived through, by name and attempt: run once, judged by many checks. */
  readonly courses = new Map<string, Promise<Course>>();
  /** What each proxy was last seen to enforce. */
  readonly enforced = new Map<string, InboundFacts>();

  constructor(plan: ScenePlan, cluster: Cluster, workloads: Workload[]) {
    this.plan = plan;
    this.cluster = cluster;
    this.forwards = new Forwards(cluster);
    workloads.forEach((each) => this.#keep(each));
  }

  /** @throws Error for a name that the check does not list under `uses`: a mistake in the check */
  workload(name: string): Workload {
    const found = this.workloads.get(name);
    if (!found) throw new Error(`the check does not list ${name} under "uses"`);
    return found;
  }

  /** Applies objects of a check, with the secrets of the scene filled in. */
  async apply(objects: readonly Manifest[], signal?: AbortSignal): Promise<void> {
    await this.cluster.apply(withSecrets(objects, this.plan.provider?.secrets ?? {}), signal);
  }

  /** HTTP to the fixture's admin port of a workload. */
  async fixture(name: string): Promise<PodHttp> {
    const { namespace, pod } = this.workload(name);
    return this.forwards.to(namespace, pod, adminPort);
  }

  /** HTTP to an Envoy admin port of a workload: that of the proxy that speaks for it, or its own Envoy's. */
  async admin(name: string, port?: number): Promise<PodHttp> {
    const { namespace, pod, proxy } = this.workload(name);
    return this.forwards.to(namespace, pod, port ?? proxy?.adminPort ?? sidecarAdminPort);
  }

  /**
   * The rollout restart of operators: returns when the new pod is ready, and goes on with it.
   *
   * @throws NotReadyError when no new pod becomes ready in time
   */
  async restart(name: string, signal?: AbortSignal): Promise<void> {
    const planned = this.plan.workloads.find((each) => each.name === name);
    if (!planned) throw new Error(`scene ${this.plan.name} has no workload ${name}`);
    const { pod: old } = this.workload(name);
    const deployments = planned.objects.filter(({ kind }) => kind === 'Deployment');
    await this.cluster.apply(deployments.map(restarted), signal);
    const look = async (): Promise<Look<Workload>> => {
      const found = await readyWorkloads(this.cluster, [planned]);
      if (!('done' in found)) return found;
      const [workload] = found.done;
      return workload && workload.pod !== old ? { done: workload } : { seen: `still ${old}` };
    };
    const options = { timeoutMs: timeouts.workloadReadyMs, ...(signal && { signal }) };
    const workload = await until(`${name} to restart`, look, options);
    if (isServed(planned)) await servicesLeadTo(this.cluster, { pods: [workload.podIP] }, signal);
    this.followers.get(name)?.[Symbol.dispose]();
    this.#keep(workload);
  }

  #keep(workload: Workload): void {
    const { name, namespace, pod, proxy, sidecar } = workload;
    this.workloads.set(name, workload);
    if (!proxy) return;
    // A sidecar stands on both sides of a call; a gateway is what was called.
    const side = sidecar ? {} : { side: 'destination' as const };
    const followed = { cluster: this.cluster.name, namespace, pod, workload: name, ...side };
    this.followers.set(name, new LogFollower(this.cluster, followed, proxy.container));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const follower of this.followers.values()) follower[Symbol.dispose]();
    await this.forwards[Symbol.asyncDispose]();
  }
}

/**
 * Brings a scene's workloads up, or finds them running as they should be, and waits until each has one ready pod.
 *
 * @throws NotReadyError naming the workload that did not become ready, and what its pod said
 */
export async function deployScene(cluster: Cluster, plan: ScenePlan, signal?: AbortSignal): Promise<Scene> {
  const stale = await outdated(cluster, plan);
  if (stale.length > 0) {
    const objects = new Map(
      [...plan.always, ...stale.flatMap((each) => each.objects)].map((each) => [keyOf(each), each]),
    );
    await cluster.apply([...objects.values()], signal);
  }
  // Each time: which provider it was last cannot be told from its workloads.
  if (plan.provider && plan.provider.objects.length > 0) await cluster.apply(plan.provider.objects, signal);
  await makeCertificates(cluster, plan.certificates, signal);
  const options = { timeoutMs: timeouts.workloadReadyMs, ...(signal && { signal }) };
  const workloads = await until(
    `the workloads of scene ${plan.name}`,
    () => readyWorkloads(cluster, plan.workloads),
    options,
  );
  const scene = new Scene(plan, cluster, workloads);
  if (stale.length > 0) {
    const meshed = workloads.filter(({ sidecar }) => sidecar);
    const served = plan.workloads.filter(isServed).map(({ name }) => scene.workload(name));
    const gateways = workloads.filter(({ address }) => address !== undefined);
    const led = {
      pods: [...served, ...gateways].map(({ podIP }) => podIP),
      balanced: gateways.flatMap(({ address }) => address ?? []),
    };
    await Promise.all([
      servicesLeadTo(cluster, led, signal),
      ...meshed.map((each) => knowsAll(scene, each, meshed, signal)),
    ]);
  }
  return scene;
}

/** The change that `kubectl rollout restart` makes. */
export function restarted(object: Manifest): Manifest {
  const { spec } = object as Manifest & { spec: { template: Manifest } };
  const { metadata } = spec.template;
  const annotations = { ...metadata.annotations, 'kubectl.kubernetes.io/restartedAt': new Date().toISOString() };
  const template = { ...spec.template, metadata: { ...metadata, annotations } };
  return { ...object, spec: { ...spec, template } } as Manifest;
}

/** Whether a Service with an address of its own leads to it. */
const isServed = ({ objects }: PlannedWorkload): boolean =>
  objects.some((each) => each.kind === 'Service' && (each as Service).spec?.clusterIP !== 'None');

interface Service extends Manifest {
  spec?: { clusterIP?: string };
}

const keyOf = ({ kind, metadata }: Manifest): string => `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;

async function outdated(cluster: Cluster, { workloads }: ScenePlan): Promise<PlannedWorkload[]> {
  const marked = async (all: PlannedWorkload[], apiVersion: string, kind: string): Promise<PlannedWorkload[]> => {
    const namespaces = [...new Set(all.map(({ namespace }) => namespace))];
    const found = (await Promise.all(namespaces.map((each) => cluster.list<Manifest>(apiVersion, kind, each)))).flat();
    const fits = ({ name, namespace, hash }: PlannedWorkload) =>
      found.some(
        ({ metadata }) =>
          metadata.namespace === namespace && metadata.name === name && metadata.annotations?.[hashAnnotation] === hash,
      );
    return all.filter((each) => !fits(each));
  };
  const [gateways, rest] = [workloads.filter(({ gateway }) => gateway), workloads.filter(({ gateway }) => !gateway)];
  const stale = await Promise.all([
    marked(rest, 'apps/v1', 'Deployment'),
    marked(gateways, 'gateway.networking.k8s.io/v1', 'Gateway'),
  ]);
  return stale.flat();
}

/** A ready pod is not yet known to its callers: waits until this proxy has the addresses of all others that serve. */
async function knowsAll(scene: Scene, { name }: Workload, others: Workload[], signal?: AbortSignal): Promise<void> {
  const serving = others.filter(({ ports }) => ports.length > 0);
  const admin = await scene.admin(name);
  const look = async (): Promise<Look<true>> => {
    const { body } = await admin.request('/clusters', signal ? { signal } : {});
    const unknown = serving.find(({ podIP }) => !body.includes(`::${podIP}:`));
    return unknown ? { seen: `${unknown.name} is not among its endpoints` } : { done: true };
  };
  const options = { timeoutMs: timeouts.convergenceMs, ...(signal && { signal }) };
  await until(`the proxy of ${name} to know every workload`, look, options);
}
