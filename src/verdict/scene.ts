import { Forwards, type PodHttp } from '#lab/forward.ts';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { adminPort, sidecarAdminPort } from '#probe/caller.ts';
import type { Course } from '#support/certificates.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';
import type { InboundFacts } from '#witness/inbound.ts';
import { LogFollower } from '#witness/log-follower.ts';
import { hashAnnotation, type PlannedWorkload, type ScenePlan } from '#verdict/scene-file.ts';

/** A workload of a scene, running: one pod, with what is known of it. */
export interface Workload {
  name: string;
  namespace: string;
  sidecar: boolean;
  pod: string;
  podIP: string;
  labels: Record<string, string>;
  /** Ports that its containers declare. */
  ports: number[];
  /** True for those roles of the fixture that keep receipts. */
  receives: boolean;
}

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

  /** HTTP to the fixture's admin port of a workload. */
  async fixture(name: string): Promise<PodHttp> {
    const { namespace, pod } = this.workload(name);
    return this.forwards.to(namespace, pod, adminPort);
  }

  /** HTTP to an Envoy admin port of a workload: its sidecar's, or its own Envoy's. */
  async admin(name: string, port: number = sidecarAdminPort): Promise<PodHttp> {
    const { namespace, pod } = this.workload(name);
    return this.forwards.to(namespace, pod, port);
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
    const only = { ...this.plan, workloads: [planned] };
    const look = async (): Promise<Look<Workload>> => {
      const found = await ready(this.cluster, only, [planned.namespace]);
      if (!('done' in found)) return found;
      const [workload] = found.done;
      return workload && workload.pod !== old ? { done: workload } : { seen: `still ${old}` };
    };
    const options = { timeoutMs: timeouts.workloadReadyMs, ...(signal && { signal }) };
    const workload = await until(`${name} to restart`, look, options);
    this.followers.get(name)?.[Symbol.dispose]();
    this.#keep(workload);
  }

  #keep(workload: Workload): void {
    const { name, namespace, pod, sidecar } = workload;
    this.workloads.set(name, workload);
    if (!sidecar) return;
    this.followers.set(
      name,
      new LogFollower(this.cluster, { cluster: this.cluster.name, namespace, pod, workload: name }),
    );
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
  const namespaces = [...new Set(plan.workloads.map(({ namespace }) => namespace))];
  const stale = await outdated(cluster, plan, namespaces);
  if (stale.length > 0) {
    const objects = new Map(
      [...plan.always, ...stale.flatMap((each) => each.objects)].map((each) => [keyOf(each), each]),
    );
    await cluster.apply([...objects.values()], signal);
  }
  const options = { timeoutMs: timeouts.workloadReadyMs, ...(signal && { signal }) };
  const workloads = await until(`the workloads of scene ${plan.name}`, () => ready(cluster, plan, namespaces), options);
  const scene = new Scene(plan, cluster, workloads);
  if (stale.length > 0) {
    const meshed = workloads.filter(({ sidecar }) => sidecar);
    await Promise.all(meshed.map((each) => knowsAll(scene, each, meshed, signal)));
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

const keyOf = ({ kind, metadata }: Manifest): string => `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;

async function outdated(cluster: Cluster, plan: ScenePlan, namespaces: string[]): Promise<PlannedWorkload[]> {
  const lists = namespaces.map((each) => cluster.list<Deployment>('apps/v1', 'Deployment', each));
  const found = (await Promise.all(lists)).flat();
  const fits = (planned: PlannedWorkload) =>
    found.some(
      ({ metadata }) =>
        metadata.namespace === planned.namespace &&
        metadata.name === planned.name &&
        metadata.annotations?.[hashAnnotation] === planned.hash,
    );
  return plan.workloads.filter((each) => !fits(each));
}

async function ready(cluster: Cluster, plan: ScenePlan, namespaces: string[]): Promise<Look<Workload[]>> {
  const pods = (await Promise.all(namespaces.map((each) => cluster.list<Pod>('v1', 'Pod', each)))).flat();
  const found: Workload[] = [];
  for (const planned of plan.workloads) {
    const own = pods.filter(
      ({ metadata }) => metadata.namespace === planned.namespace && metadata.labels?.['app'] === planned.name,
    );
    const [pod] = own.filter((each) => each.metadata.annotations?.[hashAnnotation] === planned.hash && isReady(each));
    if (!pod || own.length > 1)
      return { seen: `${planned.namespace}/${planned.name}: ${own.map(stateOf).join(', ') || 'no pod yet'}` };
    found.push(workloadOf(planned, pod));
  }
  return { done: found };
}

/** Roles of the fixture that keep receipts. */
const receiving = new Set(['echo', 'fault', 'account', 'jwt']);

function workloadOf(planned: PlannedWorkload, pod: Pod): Workload {
  const containers = pod.spec.containers.filter(({ name }) => name !== 'istio-proxy');
  return {
    name: planned.name,
    namespace: planned.namespace,
    sidecar: planned.sidecar,
    pod: pod.metadata.name,
    podIP: pod.status?.podIP ?? '',
    labels: pod.metadata.labels ?? {},
    ports: containers.flatMap(({ ports }) => ports ?? []).map(({ containerPort }) => containerPort),
    receives: containers.some(({ args }) => args?.[0] !== undefined && receiving.has(args[0])),
  };
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

const isReady = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined &&
  status?.conditions?.some(({ type, status: now }) => type === 'Ready' && now === 'True') === true;

function stateOf({ metadata, status }: Pod): string {
  if (metadata.deletionTimestamp !== undefined) return 'an older pod is ending';
  const states = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const waiting = states.find((each) => each.state?.waiting)?.state?.waiting;
  return waiting?.reason ?? status?.phase ?? 'unknown';
}

interface Deployment {
  metadata: { name: string; namespace?: string; annotations?: Record<string, string> };
}
interface ContainerStatus {
  state?: { waiting?: { reason?: string; message?: string } };
}
interface Pod {
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    deletionTimestamp?: Date;
  };
  spec: { containers: { name: string; args?: string[]; ports?: { containerPort: number }[] }[] };
  status?: {
    phase?: string;
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}
