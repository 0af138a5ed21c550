import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { parse } from 'yaml';
import { fields, items, text, type Fields } from '#lint/shape.ts';
import { messageOf, UsageError } from '#support/errors.ts';

/** A schema as definitions hold it: structural, of OpenAPI v3. */
export type Structural = Fields;

/** The definitions of one folder. Each is parsed when an object of its kind is met: together they take more than a second. */
export class Definitions {
  readonly #texts: readonly string[];
  readonly #parsed = new Map<string, Fields>();
  readonly #found = new Map<string, Structural | undefined>();

  constructor(texts: readonly string[]) {
    this.#texts = texts;
  }

  /**
   * Reads every YAML file of a folder, and of the folders in it.
   *
   * @throws UsageError when the folder has no definitions
   */
  static async read(folder: string): Promise<Definitions> {
    const info = await stat(folder).catch(() => undefined);
    if (!info?.isDirectory()) throw new UsageError(`${folder} is no folder of definitions`);
    const names = (await readdir(folder, { recursive: true })).filter((name) =>
      ['.yaml', '.yml'].includes(extname(name)),
    );
    const files = await Promise.all(
      names.toSorted().map((name) => readFile(resolve(folder, name), 'utf8').catch(() => '')),
    );
    // A line of three dashes begins a document; inside of one there is none that begins at the margin.
    const texts = files
      .flatMap((file) => file.split(/^---[ \t]*$/m))
      .filter((each) => each.includes('CustomResourceDefinition'));
    if (texts.length === 0) throw new UsageError(`${folder} holds no CustomResourceDefinition`);
    return new Definitions(texts);
  }

  /** The schema of a kind in a version, undefined when there is none. */
  schemaOf(apiVersion: string, kind: string): Structural | undefined {
    const key = `${apiVersion} ${kind}`;
    if (!this.#found.has(key)) this.#found.set(key, this.#search(apiVersion, kind));
    return this.#found.get(key);
  }

  /** `apiVersion kind` of everything that a group defines; empty for a group that is not ours to judge. */
  kindsOf(group: string): string[] {
    const mentioning = this.#texts.filter((each) => each.includes(`group: ${group}\n`));
    return mentioning.flatMap((each) => {
      const { versions, names, group: own } = fields(this.#parse(each)['spec']);
      if (own !== group) return [];
      return items(versions).map(
        (version) => `${group}/${String(fields(version)['name'])} ${String(fields(names)['kind'])}`,
      );
    });
  }

  #search(apiVersion: string, kind: string): Structural | undefined {
    const [group, name] = apiVersion.split('/', 2);
    for (const each of this.#texts.filter((one) => one.includes(`kind: ${kind}\n`))) {
      const spec = fields(this.#parse(each)['spec']);
      if (spec['group'] !== group || fields(spec['names'])['kind'] !== kind) continue;
      const version = items(spec['versions']).find((one) => fields(one)['name'] === name);
      const schema = fields(fields(version)['schema'])['openAPIV3Schema'];
      if (schema !== undefined) return fields(schema);
    }
    return undefined;
  }

  #parse(definition: string): Fields {
    const known = this.#parsed.get(definition);
    if (known) return known;
    const read = () => {
      try {
        return fields(parse(definition));
      } catch (error) {
        const [, name = 'one'] = /^ {2}name: (.*)$/m.exec(definition) ?? [];
        throw new UsageError(`definition ${text(name) ?? 'one'} is no YAML: ${messageOf(error)}`);
      }
    };
    const parsed = read();
    this.#parsed.set(definition, parsed);
    return parsed;
  }
}

/** Whether authorization rules of SecurityPolicies may have a CEL expression, by these definitions. */
export function hasCelRules(definitions: Definitions): boolean {
  const schema = definitions.schemaOf('gateway.envoyproxy.io/v1alpha1', 'SecurityPolicy');
  const inside = (value: Fields, key: string): Fields => fields(fields(value['properties'])[key]);
  const authorization = inside(inside(fields(schema), 'spec'), 'authorization');
  const rule = fields(inside(authorization, 'rules')['items']);
  return 'cel' in fields(rule['properties']);
}
