import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Manifest } from '#lab/cluster.ts';
import { owned } from '#lab/manifests.ts';
import { UsageError } from '#support/errors.ts';

/** `${namespace}`, or `${k6-image}` for the image of a part. */
export const placeholder = /\$\{([\w.-]+)\}/g;

/**
 * Reads the documents of a YAML file, with `${name}` filled in and our label on each.
 *
 * @throws UsageError for YAML that does not parse, or a name that nothing stands for
 */
export async function readManifests(file: string, names: Record<string, string>): Promise<Manifest[]> {
  const text = await readFile(file, 'utf8');
  const filled = text.replaceAll(placeholder, (_, key: string) => {
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

/** Placeholders that stay as they are when a file is read. */
export const keptPlaceholders = (names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, `\${${name}}`]));

/** Fills in secrets, which objects are read without: only what goes to an API server holds them. */
export function withSecrets(manifests: readonly Manifest[], secrets: Record<string, string>): Manifest[] {
  const filled = (_: string, value: unknown): unknown =>
    typeof value === 'string' ? value.replaceAll(placeholder, (whole, key: string) => secrets[key] ?? whole) : value;
  return manifests.map((each) => {
    const text = JSON.stringify(each);
    return text.includes('${') ? (JSON.parse(text, filled) as Manifest) : each;
  });
}

const shortName = (file: string): string => `${dirname(file).split('/').at(-1)}/${file.split('/').at(-1)}`;
