import { ApisApi, CustomObjectsApi } from '@kubernetes/client-node';
import { z } from 'zod';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import type { Forwards } from '#lab/forward.ts';
import { NotReadyError } from '#support/errors.ts';

/** What a cluster says of the Envoy Gateway that it runs; checks name the capabilities they need. */
export interface EnvoyGatewayFacts {
  versions: {
    /** Of the controller: `v1.9.1`. */
    envoyGateway: string;
    /** Of the definitions of the Gateway API, as they are marked: `v1.6.1 experimental`. */
    gatewayApi?: string;
  };
  /** Kinds of the Gateway API and of Envoy Gateway that can be used: `gateway.networking.k8s.io/v1 HTTPRoute`. */
  served: string[];
  /** GatewayClasses that the controller accepted. */
  gatewayClasses: string[];
  /**
   * - `envoy-gateway`: a controller answers, and has accepted a GatewayClass
   * - `oidc`: a SecurityPolicy can ask for a login
   *
   * `load-balancer` is no matter of its own: see `askAddOns`.
   */
  capabilities: string[];
}

const controllerName = 'gateway.envoyproxy.io/gatewayclass-controller';
const groups = ['gateway.networking.k8s.io', 'gateway.envoyproxy.io'];
/** Its admin server, on the loopback of its pod. */
const adminPort = 19_000;
const info = z.object({ version: z.string() });

/**
 * Asks a cluster what Envoy Gateway it got, instead of believing what was installed.
 *
 * @throws NotReadyError when none runs, or it does not answer
 */
export async function askEnvoyGateway(cluster: Cluster, forwards: Forwards): Promise<EnvoyGatewayFacts> {
  const [envoyGateway, served] = await Promise.all([controllerVersion(cluster, forwards), servedKinds(cluster)]);
  const [classes, marked, policies] = await Promise.all([
    cluster.list<GatewayClass>('gateway.networking.k8s.io/v1', 'GatewayClass'),
    definition(cluster, 'gatewayclasses.gateway.networking.k8s.io'),
    definition(cluster, 'securitypolicies.gateway.envoyproxy.io'),
  ]);
  const gatewayClasses = acceptedClasses(classes);
  const gatewayApi = marked && gatewayApiVersion(marked);
  const seen: Record<string, boolean> = {
    'envoy-gateway': gatewayClasses.length > 0,
    oidc: policies !== undefined && hasLogin(policies),
  };
  return {
    versions: { envoyGateway, ...(gatewayApi !== undefined && { gatewayApi }) },
    served,
    gatewayClasses,
    capabilities: Object.keys(seen).filter((name) => seen[name] === true),
  };
}

/** Names of the classes that are Envoy Gateway's, and that it took on. */
export function acceptedClasses(classes: readonly GatewayClass[]): string[] {
  const accepted = ({ spec, status }: GatewayClass) =>
    spec.controllerName === controllerName &&
    status?.conditions?.some((condition) => condition.type === 'Accepted' && condition.status === 'True') === true;
  return classes.filter(accepted).map(({ metadata }) => metadata.name);
}

/** Release and channel that a definition of the Gateway API is marked with; undefined when it is not. */
export function gatewayApiVersion({ metadata: { annotations = {} } }: Manifest): string | undefined {
  const marks = ['bundle-version', 'channel'].map((name) => annotations[`gateway.networking.k8s.io/${name}`]);
  return marks.some((mark) => mark !== undefined) ? marks.filter(Boolean).join(' ') : undefined;
}

/** Whether a SecurityPolicy of this definition can ask for a login (`spec.oidc`), in a version that is served. */
export function hasLogin({ spec }: Definition): boolean {
  return spec.versions.some(({ served, schema }) => served && 'oidc' in schemaOf(schema));
}

const schemaOf = (schema: Schema | undefined): object => schema?.openAPIV3Schema?.properties?.spec?.properties ?? {};

async function controllerVersion(cluster: Cluster, forwards: Forwards): Promise<string> {
  const pods = await cluster.list<Pod>('v1', 'Pod', undefined, 'control-plane=envoy-gateway');
  const running = pods.find(({ status }) => status?.phase === 'Running')?.metadata;
  if (running?.namespace === undefined || running.name === undefined)
    throw new NotReadyError(`cluster ${cluster.name} runs no Envoy Gateway`);
  const admin = await forwards.to(running.namespace, running.name, adminPort);
  return info.parse(await admin.json('/api/info')).version;
}

/** What discovery says, which is what clients go by: a definition that was not taken up is not there. */
async function servedKinds({ config }: Cluster): Promise<string[]> {
  const all = await config.makeApiClient(ApisApi).getAPIVersions();
  const ours = all.groups.filter(({ name }) => groups.includes(name));
  const versions = ours.flatMap((group) => group.versions.map(({ version }) => ({ group: group.name, version })));
  const lists = await Promise.all(versions.map((each) => config.makeApiClient(CustomObjectsApi).getAPIResources(each)));
  const kinds = lists.flatMap(({ groupVersion, resources }) =>
    // The others are parts of one, such as its status.
    resources.filter(({ name }) => !name.includes('/')).map(({ kind }) => `${groupVersion} ${kind}`),
  );
  return kinds.toSorted();
}

function definition(cluster: Cluster, name: string): Promise<Definition | undefined> {
  return cluster.read<Definition>('apiextensions.k8s.io/v1', 'CustomResourceDefinition', name);
}

interface GatewayClass {
  metadata: { name: string };
  spec: { controllerName: string };
  status?: { conditions?: { type: string; status: string }[] };
}
interface Definition extends Manifest {
  spec: { versions: { served: boolean; schema?: Schema }[] };
}
interface Schema {
  openAPIV3Schema?: { properties?: { spec?: { properties?: object } } };
}
interface Pod {
  metadata?: { name?: string; namespace?: string };
  status?: { phase?: string };
}
