import { z } from 'zod';
import { istioNamespace } from '#install/istio-manifests.ts';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import type { Forwards, PodHttp } from '#lab/forward.ts';
import { NotReadyError } from '#support/errors.ts';

/** What a cluster says of the Istio that it runs; checks name the capabilities they need. */
export interface IstioFacts {
  versions: {
    /** Of the control plane: `1.31-dev.eed52ebb66ad`. */
    istiod: string;
    /** Of the Envoy in the sidecar that was looked at: `1.40.0`. */
    proxy?: string;
    /** Of the agent beside it. */
    agent?: string;
  };
  /**
   * - `istio`: a control plane of that revision answers
   * - `sidecar`, `ambient`: ways into the mesh; `istio-cni`: pods need no privileged init container
   * - `istio-proxy`: the proxy has Istio's own filters, and so `istio_requests_total`
   * - `probe-log`: access logs are JSON that names the probe
   * - `lab-node`: a node is a container of ours, in which programs can be run
   */
  capabilities: string[];
}

const serverInfo = z.object({
  version: z.string(),
  node: z.object({
    id: z.string(),
    metadata: z.looseObject({ ISTIO_VERSION: z.string().optional() }).default({}),
    extensions: z.array(z.object({ name: z.string(), type_urls: z.array(z.string()).default([]) })).default([]),
  }),
});

/**
 * Asks a cluster what Istio it got, instead of believing what was installed.
 *
 * @param revision of the control plane; `default` is one without a revision
 * @param sidecarAdmin Envoy's admin port (15000) of any sidecar of that revision; without it, nothing is said of the proxy
 * @throws NotReadyError when no istiod of that revision runs, or one does not answer
 */
export async function askIstio(
  cluster: Cluster,
  forwards: Forwards,
  revision: string,
  sidecarAdmin?: PodHttp,
): Promise<IstioFacts> {
  const [istiod, proxy, daemonSets, injectors, mesh] = await Promise.all([
    istiodVersion(cluster, forwards, revision),
    sidecarAdmin && askProxy(sidecarAdmin),
    cluster.list<Labelled>('apps/v1', 'DaemonSet'),
    cluster.list<Labelled>(
      'admissionregistration.k8s.io/v1',
      'MutatingWebhookConfiguration',
      undefined,
      'app=sidecar-injector',
    ),
    meshConfig(cluster, revision),
  ]);
  const has = (label: string, value: string) => daemonSets.some(({ metadata }) => metadata?.labels?.[label] === value);
  const seen: Record<string, boolean> = {
    istio: true,
    sidecar: injectors.length > 0 || proxy?.sidecar === true,
    ambient: has('app', 'ztunnel'),
    'istio-cni': has('k8s-app', 'istio-cni-node'),
    'istio-proxy': proxy?.istioFilters === true,
    'probe-log': /x-meshwitness-probe/i.test(mesh),
    'lab-node': cluster.node !== undefined,
  };
  return {
    versions: {
      istiod,
      ...(proxy && { proxy: proxy.version }),
      ...(proxy?.agent !== undefined && { agent: proxy.agent }),
    },
    capabilities: Object.keys(seen).filter((name) => seen[name] === true),
  };
}

/** Reads what `/server_info` of a sidecar's Envoy says: version, and whether Istio's own filters are compiled in. */
export function readServerInfo(page: unknown): {
  version: string;
  agent?: string;
  sidecar: boolean;
  istioFilters: boolean;
} {
  const { version, node } = serverInfo.parse(page);
  const agent = node.metadata.ISTIO_VERSION;
  return {
    // revision/version/status/type/TLS library
    version: version.split('/')[1] ?? version,
    ...(agent !== undefined && { agent }),
    sidecar: node.id.startsWith('sidecar~'),
    istioFilters: node.extensions.some(({ name, type_urls: types }) =>
      [name, ...types].some((each) => /istio|stats\.PluginConfig/.test(each)),
    ),
  };
}

/** `1.22-dev.55f12a68b4f9-55f12a68b4f9-Clean` is version, revision, status; what a release says has no dash of its own. */
export function readIstiodVersion(text: string): string {
  return text.trim().replace(/-[^-]*-[^-]*$/, '');
}

async function askProxy(admin: PodHttp) {
  return readServerInfo(await admin.json('/server_info'));
}

async function istiodVersion(cluster: Cluster, forwards: Forwards, revision: string): Promise<string> {
  const selector = `app=istiod,istio.io/rev=${revision}`;
  const pods = await cluster.list<Pod>('v1', 'Pod', istioNamespace, selector);
  const name = pods.find(({ status }) => status?.phase === 'Running')?.metadata?.name;
  if (name === undefined)
    throw new NotReadyError(`cluster ${cluster.name} runs no istiod of revision ${revision} in ${istioNamespace}`);
  const answer = await (await forwards.to(istioNamespace, name, 15014)).request('/version');
  if (answer.status !== 200)
    throw new NotReadyError(`${istioNamespace}/${name} answered ${answer.status} when asked for its version`);
  return readIstiodVersion(answer.body);
}

async function meshConfig(cluster: Cluster, revision: string): Promise<string> {
  const name = revision === 'default' ? 'istio' : `istio-${revision}`;
  const map = await cluster.read<Manifest & { data?: { mesh?: string } }>('v1', 'ConfigMap', name, istioNamespace);
  return map?.data?.mesh ?? '';
}

interface Labelled {
  metadata?: { labels?: Record<string, string> };
}
interface Pod {
  metadata?: { name?: string };
  status?: { phase?: string };
}
