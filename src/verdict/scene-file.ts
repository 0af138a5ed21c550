import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import type { IstioChannel } from '#install/istio-manifests.ts';
import type { Manifest } from '#lab/cluster.ts';
import { UsageError } from '#support/errors.ts';
import { nearest } from '#support/nearest.ts';
import { ownerLabel, paths } from '#support/paths.ts';
import { readYaml } from '#support/yaml.ts';

const workload = z.strictObject({
  manifest: z.union([z.string(), z.array(z.string())]),
  /** Which of the scene's namespaces it lives in. */
  home: z.string().default('namespace'),
  /** The port it serves, for manifests that many share. */
  port: z.number().optional(),
  /** False outside the mesh. */
  sidecar: z.boolean().default(true),
});

const sceneFile = z.strictObject({
  schema: z.literal(1, 'expected schema: 1'),
  description: z.string(),
  namespaces: z.record(z.string(), z.string()),
  always: z.array(z.string()),
  workloads: z.record(z.string(), workload),
});

/** A scene as its files describe it, with every name filled in, for one control plane. */
export interface ScenePlan {
  name: string;
  channel: IstioChannel;
  /** What the placeholders stand for: `${namespace}`, `${outside}`, `${strangers}`, `${revision}`. */
  names: Record<string, string>;
  /** Objects that every use of the scene needs, such as namespaces. */
  always: Manifest[];
  workloads: PlannedWorkload[];
}

export interface PlannedWorkload {
  name: string;
  namespace: string;
  sidecar: boolean;
  objects: Manifest[];
  /** Of everything it is made from: what runs under another hash is applied again. */
  hash: string;
}

/** Annotation of a Deployment and its pods, with the hash of what they were made from. */
export const hashAnnotation = 'meshwitness.dev/made-from';

/**
 * Reads a scene and fills in its names. Each control plane has namespaces of its own (`semaphore`, `semaphore-older`), so
 * that two versions are judged side by side.
 *
 * @param uses workloads wanted; the scene's other files are left alone
 * @param revision of the control plane, as its cluster knows it; in our labs it is called as the channel
 * @throws UsageError for a malformed file or an unknown workload
 */
export async function planScene(
  name: string,
  uses: readonly string[],
  channel: IstioChannel,
  revision: string = channel,
): Promise<ScenePlan> {
  const folder = resolve(paths.manifests, name);
  const file = await readYaml(resolve(folder, 'scene.yaml'), sceneFile);
  const suffix = channel === 'current' ? '' : `-${channel}`;
  const names: Record<string, string> = { revision };
  for (const [key, namespace] of Object.entries(file.namespaces)) names[key] = `${namespace}${suffix}`;
  const always = await Promise.all(file.always.map((each) => readManifests(resolve(folder, each), names)));
  const plan = async (each: string): Promise<PlannedWorkload> => {
    const found = file.workloads[each];
    if (!found) {
      const hint = nearest(each, Object.keys(file.workloads), 'did you mean');
      throw new UsageError(`scene ${name} has no workload "${each}"`, hint);
    }
    const home = names[found.home] ?? '';
    const own = { ...names, workload: each, home, port: String(found.port ?? '') };
    const files = [found.manifest].flat().map((one) => readManifests(resolve(folder, one), own));
    const objects = (await Promise.all(files)).flat();
    const hash = createHash('sha256').update(JSON.stringify(objects)).digest('hex').slice(0, 16);
    return { name: each, namespace: home, sidecar: found.sidecar, objects: stamped(objects, hash), hash };
  };
  return { name, channel, names, always: always.flat(), workloads: await Promise.all(uses.map(plan)) };
}

/**
 * Reads the documents of a YAML file, with `${name}` filled in and our label on each.
 *
 * @throws UsageError for YAML that does not parse, or a name that nothing stands for
 */
export async function readManifests(file: string, names: Record<string, string>): Promise<Manifest[]> {
  const text = await readFile(file, 'utf8');
  const filled = text.replaceAll(/\$\{(\w+)\}/g, (_, key: string) => {
    const value = names[key];
    if (value === undefined) throw new UsageError(`${shortName(file)}: nothing stands for \${${key}}`);
    return value;
  });
  const documents = parseAllDocuments(filled);
  if (!Array.isArray(documents)) return [];
  for (const { errors } of documents) {
    if (errors[0]) throw new UsageError(`${shortName(file)}: ${errors[0].message.split('\n', 1)[0]}`);
  }
  return documents
    .map((each) => each.toJS() as Manifest | null)
    .filter((each) => each !== null)
    .map(owned);
}

function owned(manifest: Manifest): Manifest {
  const { metadata } = manifest;
  return { ...manifest, metadata: { ...metadata, labels: { [ownerLabel]: 'meshwitness', ...metadata.labels } } };
}

/** Puts the hash on Deployments and their pods: a changed ConfigMap then restarts what reads it. */
function stamped(objects: Manifest[], hash: string): Manifest[] {
  return objects.map((object) => {
    if (object.kind !== 'Deployment') return object;
    const { metadata, spec } = object as Manifest & { spec: { template: Manifest } };
    const mark = (one: Manifest['metadata'] & { annotations?: Record<string, string> }) => ({
      ...one,
      annotations: { ...one.annotations, [hashAnnotation]: hash },
    });
    const template = { ...spec.template, metadata: mark(spec.template.metadata) };
    return { ...object, metadata: mark(metadata), spec: { ...spec, template } } as Manifest;
  });
}

const shortName = (file: string): string => `${dirname(file).split('/').at(-1)}/${file.split('/').at(-1)}`;
