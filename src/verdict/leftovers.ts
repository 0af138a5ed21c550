import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import type { CataloguedCheck } from '#verdict/catalogue.ts';
import { filesOf } from '#verdict/plan.ts';
import { stepLabel } from '#verdict/steps.ts';

/** What a load is made of, which no check's YAML names. */
const ofLoads: [apiVersion: string, kind: string][] = [
  ['v1', 'Pod'],
  ['v1', 'ConfigMap'],
];

/**
 * Removes the objects of checks that a killed run left in a cluster: everything with the label of a step, of any kind that a
 * check of the suites applies, and the loads.
 *
 * @returns what was removed, as `kind namespace/name`
 */
export async function removeLeftovers(cluster: Cluster, catalogue: readonly CataloguedCheck[]): Promise<string[]> {
  const known = [...ofLoads, ...(await Promise.all(catalogue.map(kindsOf))).flat()];
  const kinds = new Map(known.map((each) => [each.join(' '), each]));
  const lists = [...kinds.values()].map(async ([apiVersion, kind]) => {
    // A kind whose definition is not installed has left nothing.
    const found = await cluster.list<Manifest>(apiVersion, kind, undefined, stepLabel).catch(() => []);
    return found.map(({ metadata }): Manifest => {
      const { name, namespace } = metadata;
      return { apiVersion, kind, metadata: { name, ...(namespace !== undefined && { namespace }) } };
    });
  });
  const left = (await Promise.all(lists)).flat();
  await cluster.remove(left);
  return left.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`);
}

async function kindsOf(check: CataloguedCheck): Promise<[apiVersion: string, kind: string][]> {
  return (await Promise.all([check.manifestFile, ...filesOf(check)].map(kindsIn))).flat();
}

async function kindsIn(file: string): Promise<[apiVersion: string, kind: string][]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const documents = parseAllDocuments(text);
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document): [string, string][] => {
    const { apiVersion, kind } = (document.toJS() ?? {}) as Partial<Manifest>;
    return apiVersion === undefined || kind === undefined ? [] : [[apiVersion, kind]];
  });
}
