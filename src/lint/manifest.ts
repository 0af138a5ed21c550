import type { Document, LineCounter } from 'yaml';
import { pathText, type Finding, type Path } from '#lint/finding.ts';
import { lineOf } from '#lint/line-of.ts';
import { fields, isFields, text, type Fields } from '#lint/shape.ts';

/** One YAML document of a file. */
export interface Source {
  file: string;
  document: Document;
  lines: LineCounter;
  /** Its text, with the comments before it. */
  text: string;
  /** Where that text begins in the file. */
  offset: number;
  value: unknown;
}

/** One object of the API, as it stands in a document or in a List. */
export interface Manifest {
  source: Source;
  /** Where it stands in its document: empty, or `items`, n. */
  base: Path;
  value: Fields;
  apiVersion: string;
  group: string;
  kind: string;
  name: string | undefined;
  namespace: string | undefined;
  /** Encrypted by SOPS, in whole or in part. */
  encrypted: boolean;
}

/** The objects of a document. A document that is no object of the API has none. */
export function manifestsOf(source: Source): Manifest[] {
  const { value } = source;
  if (!isFields(value)) return [];
  if (value['kind'] === 'List' && Array.isArray(value['items']))
    return value['items'].flatMap((item, at) => manifestOf(source, item, ['items', at]) ?? []);
  return [manifestOf(source, value, [])].filter((each) => each !== undefined);
}

function manifestOf(source: Source, value: unknown, base: Path): Manifest | undefined {
  if (!isFields(value)) return undefined;
  const [apiVersion, kind] = [text(value['apiVersion']), text(value['kind'])];
  if (apiVersion === undefined || kind === undefined) return undefined;
  const metadata = fields(value['metadata']);
  return {
    source,
    base,
    value,
    apiVersion,
    kind,
    group: apiVersion.includes('/') ? (apiVersion.split('/', 1)[0] ?? '') : '',
    name: text(metadata['name']),
    namespace: text(metadata['namespace']),
    encrypted: isEncryptedFile(source),
  };
}

/** Whether SOPS encrypted a document, in whole or in part. */
export const isEncryptedFile = ({ value }: Source): boolean => isFields(fields(value)['sops']);

export type Told = Pick<Finding, 'rule' | 'severity' | 'why' | 'fix'>;

/** A finding at a field of an object; where the field is missing, at what should hold it. */
export function findingAt({ source, base }: Manifest, path: Path, told: Told): Finding {
  const line = lineOf(source, [...base, ...path]);
  return { file: source.file, line, path: pathText(path), ...told };
}

/** Whether a reference from one object means another, as far as their namespaces are known here: kustomize may set them. */
export function sameNamespace(a: string | undefined, b: string | undefined): boolean {
  return a === undefined || b === undefined || a === b;
}
