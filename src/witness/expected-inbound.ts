import type { Manifest } from '#lab/cluster.ts';
import type { InboundFacts, MtlsMode } from '#witness/inbound.ts';

/** A workload as the control plane selects it. */
export interface SelectedWorkload {
  namespace: string;
  labels: Record<string, string>;
  ports: number[];
}

interface PeerAuthentication extends Manifest {
  spec?: {
    selector?: Selector;
    mtls?: { mode?: string };
    portLevelMtls?: Record<string, { mode?: string }>;
  };
}
interface AuthorizationPolicy extends Manifest {
  spec?: { selector?: Selector; action?: string; rules?: unknown[] };
}
interface Selector {
  matchLabels?: Record<string, string>;
}

/**
 * What a workload's proxy must enforce once the control plane has caught up with these objects: the narrowest
 * PeerAuthentication wins (port, workload, namespace, mesh), and AuthorizationPolicies add up.
 *
 * @param objects all PeerAuthentication and AuthorizationPolicy objects of the workload's namespace and of the root one
 */
export function expectedInbound(
  workload: SelectedWorkload,
  objects: readonly Manifest[],
  rootNamespace = 'istio-system',
): InboundFacts {
  const near = objects.filter(
    ({ metadata }) => metadata.namespace === workload.namespace || metadata.namespace === rootNamespace,
  );
  const policies = near
    .filter((object): object is AuthorizationPolicy => object.kind === 'AuthorizationPolicy')
    .filter((policy) => selects(policy.spec?.selector, workload));
  const modes: Record<number, MtlsMode> = {};
  for (const port of workload.ports) modes[port] = modeOf(workload, port, near, rootNamespace).mode;
  return {
    modes,
    policies: policies
      .filter((policy) => (policy.spec?.rules?.length ?? 0) > 0)
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
      .toSorted(),
    allowList: policies.some((policy) => (policy.spec?.action ?? 'ALLOW') === 'ALLOW'),
  };
}

/** The mode of one port, and what decided it. */
export interface PortMode {
  mode: MtlsMode;
  /** Which rule of the decider won; `default` when no object says anything. */
  level: 'port' | 'workload' | 'namespace' | 'mesh' | 'default';
  /** `namespace/name` of the PeerAuthentication; absent for the default. */
  decider?: string;
}

/**
 * Whether a port takes plaintext, by the objects: the narrowest PeerAuthentication that says so wins.
 *
 * @param objects as for {@link expectedInbound}; other kinds are passed over
 */
export function modeOf(
  workload: Pick<SelectedWorkload, 'namespace' | 'labels'>,
  port: number,
  objects: readonly Manifest[],
  rootNamespace = 'istio-system',
): PortMode {
  const peers = objects.filter((object): object is PeerAuthentication => object.kind === 'PeerAuthentication');
  const inNamespace = (name: string) => peers.filter(({ metadata }) => metadata.namespace === name);
  const local = inNamespace(workload.namespace);
  const own = local.find(({ spec }) => spec?.selector && selects(spec.selector, workload));
  const namespace = local.find(({ spec }) => !spec?.selector);
  const mesh = inNamespace(rootNamespace).find(({ spec }) => !spec?.selector);
  const candidates = [
    { level: 'port', object: own, mode: own?.spec?.portLevelMtls?.[String(port)]?.mode },
    { level: 'workload', object: own, mode: own?.spec?.mtls?.mode },
    { level: 'namespace', object: namespace, mode: namespace?.spec?.mtls?.mode },
    { level: 'mesh', object: mesh, mode: mesh?.spec?.mtls?.mode },
  ] as const;
  const decided = candidates.find(({ mode }) => mode !== undefined && mode !== 'UNSET');
  if (!decided?.object) return { mode: 'PERMISSIVE', level: 'default' };
  const { namespace: where, name } = decided.object.metadata;
  return { mode: decided.mode as MtlsMode, level: decided.level, decider: `${where}/${name}` };
}

/** Says where the running configuration differs from the expected one, or undefined when it does not. */
export function inboundDifference(expected: InboundFacts, seen: InboundFacts): string | undefined {
  for (const [port, mode] of Object.entries(expected.modes)) {
    // Ports without a Service share one catch-all chain, which is not read here.
    const now = seen.modes[Number(port)] ?? mode;
    if (now !== mode) return `port ${port} is ${now}, not ${mode}`;
  }
  if (expected.policies.join() !== seen.policies.join())
    return `policies in force are [${seen.policies.join(', ')}], not [${expected.policies.join(', ')}]`;
  if (expected.allowList !== seen.allowList) return `an allow list is ${seen.allowList ? 'still' : 'not yet'} in force`;
  return undefined;
}

function selects(selector: Selector | undefined, workload: Pick<SelectedWorkload, 'labels'>): boolean {
  return Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => workload.labels[key] === value);
}
