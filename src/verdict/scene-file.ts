import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { Channel } from '#install/channel.ts';
import type { Manifest } from '#lab/cluster.ts';
import { nameInNodes, publishedName } from '#machine/image-names.ts';
import { loadVersions } from '#machine/versions.ts';
import { UsageError } from '#support/errors.ts';
import { nearest } from '#support/nearest.ts';
import { paths } from '#support/paths.ts';
import { readYaml } from '#support/yaml.ts';
import { readManifests } from '#verdict/manifest-file.ts';
import { planProvider, providerSection, type OutsideProvider, type PlannedProvider } from '#verdict/provider.ts';

const workload = z.strictObject({
  manifest: z.union([z.string(), z.array(z.string())]),
  /** Which of the scene's namespaces it lives in. */
  home: z.string().default('namespace'),
  /** The port it serves, for manifests that many share. */
  port: z.number().optional(),
  /** False outside the mesh. */
  sidecar: z.boolean().optional(),
  /** It is a Gateway object, whose proxy a controller deploys. */
  gateway: z.boolean().default(false),
  /**
   * Images beyond what every node has preloaded, by their part: `prometheus-image`, in manifests `${prometheus-image}`. In those
   * that many share, `${image}` is the first.
   */
  parts: z.array(z.string()).default([]),
});

const sceneFile = z.strictObject({
  schema: z.literal(1, 'expected schema: 1'),
  description: z.string(),
  /** Whose proxies it stands on. */
  product: z.enum(['istio', 'envoy-gateway']).default('istio'),
  namespaces: z.record(z.string(), z.string()),
  always: z.array(z.string()),
  /** TLS Secrets that are made with the scene, under a CA of its own, by name: for which hosts, and in which namespaces. */
  certificates: z
    .record(z.string(), z.strictObject({ hosts: z.array(z.string()), homes: z.array(z.string()) }))
    .default({}),
  /** Hosts that lead a browser to whichever gateway it is sent by. */
  hosts: z.string().optional(),
  /** Who logs people in, where somebody does. */
  provider: providerSection.optional(),
  workloads: z.record(z.string(), workload),
});

/** A scene as its files describe it, with every name filled in, for one control plane. */
export interface ScenePlan {
  name: string;
  channel: Channel;
  /** What the placeholders stand for: `${namespace}`, `${outside}`, `${strangers}`, `${revision}`, `${issuer}`. */
  names: Record<string, string>;
  /** Objects that every use of the scene needs, such as namespaces. */
  always: Manifest[];
  /** TLS Secrets to be there before its workloads. */
  certificates: PlannedCertificate[];
  workloads: PlannedWorkload[];
  /** Hosts that lead a browser to whichever gateway it is sent by: `*.homelab.test`. */
  hosts?: string;
  provider?: PlannedProvider;
}

/** What is not as in a lab of ours. */
export interface SceneOptions {
  /** Of the control plane in a cluster of the user's, which pulls its images; else it is called as the channel. */
  revision?: string | undefined;
  /** In the place of the scene's own provider. */
  outside?: OutsideProvider | undefined;
}

/** A TLS Secret, with the hosts that its certificate is good for. */
export interface PlannedCertificate {
  secret: string;
  hosts: string[];
  namespaces: string[];
}

export interface PlannedWorkload {
  name: string;
  namespace: string;
  sidecar: boolean;
  /** A Gateway: its pod is the proxy that a controller deploys for it. */
  gateway: boolean;
  objects: Manifest[];
  /** Of everything it is made from: what runs under another hash is applied again. */
  hash: string;
}

/** Annotation of a Deployment and its pods, or of a Gateway, with the hash of what they were made from. */
export const hashAnnotation = 'meshwitness.dev/made-from';

/**
 * Reads a scene and fills in its names. Each control plane has namespaces of its own (`semaphore`, `semaphore-older`), so
 * that two versions are judged side by side.
 *
 * @param uses workloads wanted; the scene's other files are left alone
 * @throws UsageError for a malformed file, an unknown workload or an unknown part
 */
export async function planScene(
  name: string,
  uses: readonly string[],
  channel: Channel,
  { revision, outside }: SceneOptions = {},
): Promise<ScenePlan> {
  const folder = resolve(paths.manifests, name);
  const file = await readScene(name);
  const suffix = channel === 'older' ? `-${channel}` : '';
  const names: Record<string, string> = { revision: revision ?? channel };
  for (const [key, namespace] of Object.entries(file.namespaces)) names[key] = `${namespace}${suffix}`;
  const planned = file.provider && (await planProvider(folder, file.provider, names, outside));
  Object.assign(names, planned?.provided);
  const always = await Promise.all(file.always.map((each) => readManifests(resolve(folder, each), names)));
  const plan = async (each: string): Promise<PlannedWorkload> => {
    const found = workloadOf(file, name, each);
    const home = names[found.home] ?? '';
    const images = await imageNames(found.parts, revision !== undefined);
    const [image = ''] = Object.values(images);
    const own = { ...names, ...images, image, workload: each, home, port: String(found.port ?? '') };
    const files = [found.manifest].flat().map((one) => readManifests(resolve(folder, one), own));
    const objects = (await Promise.all(files)).flat();
    const hash = createHash('sha256').update(JSON.stringify(objects)).digest('hex').slice(0, 16);
    const { gateway, sidecar = file.product === 'istio' } = found;
    return { name: each, namespace: home, sidecar, gateway, objects: stamped(objects, hash), hash };
  };
  const certificates = Object.entries(file.certificates).map(([secret, { hosts, homes }]) => ({
    secret,
    hosts,
    namespaces: homes.map((each) => names[each] ?? each),
  }));
  const workloads = await Promise.all(uses.map(plan));
  const { hosts } = file;
  const visited = { ...(hosts !== undefined && { hosts }), ...(planned && { provider: planned.provider }) };
  return { name, channel, names, always: always.flat(), certificates, workloads, ...visited };
}

/** Whose proxies a scene stands on, and the parts that these workloads of it run images of. @throws UsageError as {@link planScene} */
export async function sceneFacts(name: string, uses: readonly string[]): Promise<SceneFacts> {
  const file = await readScene(name);
  const parts = uses.flatMap((each) => workloadOf(file, name, each).parts);
  return { product: file.product, parts, ...(file.provider && { provider: file.provider.workload }) };
}

export interface SceneFacts {
  product: z.output<typeof sceneFile>['product'];
  parts: string[];
  /** The workload that is its provider. */
  provider?: string;
}

/**
 * What the placeholders of parts stand for.
 *
 * @param published true for a cluster of the user's, which pulls; else the name under which nodes of ours get the image
 * @throws UsageError for a part that is no image
 */
export async function imageNames(parts: readonly string[], published: boolean): Promise<Record<string, string>> {
  const versions = await loadVersions();
  const nameOf = (part: string) => (published && publishedName(versions, part)) || nameInNodes(versions, part);
  return Object.fromEntries(parts.map((part) => [part, nameOf(part)]));
}

const readScene = (name: string) => readYaml(resolve(paths.manifests, name, 'scene.yaml'), sceneFile);

function workloadOf({ workloads }: z.output<typeof sceneFile>, scene: string, name: string) {
  const found = workloads[name];
  if (found) return found;
  throw new UsageError(
    `scene ${scene} has no workload "${name}"`,
    nearest(name, Object.keys(workloads), 'did you mean'),
  );
}

/** Puts the hash on Deployments and their pods: a changed ConfigMap then restarts what reads it. On Gateways, too. */
function stamped(objects: Manifest[], hash: string): Manifest[] {
  const mark = (one: Manifest['metadata']) => ({
    ...one,
    annotations: { ...one.annotations, [hashAnnotation]: hash },
  });
  return objects.map((object) => {
    if (object.kind === 'Gateway') return { ...object, metadata: mark(object.metadata) };
    if (object.kind !== 'Deployment') return object;
    const { metadata, spec } = object as Manifest & { spec: { template: Manifest } };
    const template = { ...spec.template, metadata: mark(spec.template.metadata) };
    return { ...object, metadata: mark(metadata), spec: { ...spec, template } } as Manifest;
  });
}
