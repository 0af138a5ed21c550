import { createHash } from 'node:crypto';
import { parse } from 'yaml';

/** What an Envoy is started with, of all that it can dump: the rest is learned while it runs. */
const staticParts = ['admin', 'static_resources'];

export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The static part of a configuration, as it is compared: of a file's text, or of the bootstrap that Envoy dumps. */
export function staticPart(config: unknown): Record<string, unknown> {
  const whole = (typeof config === 'string' ? parse(config) : config) as Record<string, unknown> | null;
  return Object.fromEntries(staticParts.map((name) => [name, whole?.[name]]));
}

/** JSON with its fields in order, so that equal configurations have equal texts. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

/** Where the first difference is, and what stands on either side: `static_resources.clusters.0.connect_timeout: 2s, found 9s`. */
export function firstDifference(expected: unknown, found: unknown, path: string[] = []): string | undefined {
  if (isTree(expected) && isTree(found)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(found)])) {
      const difference = firstDifference(own(expected, key), own(found, key), [...path, key]);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  if (expected === found) return undefined;
  return `${path.join('.')}: ${shown(expected)}, found ${shown(found)}`;
}

/** A field that is called as one which every object inherits is no field of it. */
const own = (tree: Record<string, unknown>, key: string): unknown => (Object.hasOwn(tree, key) ? tree[key] : undefined);
const isTree = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const shown = (value: unknown): string => (value === undefined ? 'nothing' : canonical(value).slice(0, 80));
