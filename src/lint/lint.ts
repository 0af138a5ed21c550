import { sorted, type Finding } from '#lint/finding.ts';
import { addressesInHistory } from '#lint/history.ts';
import { patchFiles } from '#lint/patches.ts';
import { readTree } from '#lint/read-tree.ts';
import { rules } from '#lint/rules/all.ts';
import { Schemas } from '#lint/schema/check.ts';
import { hasCelRules, type Definitions } from '#lint/schema/crds.ts';
import { askServer, type DryRun } from '#lint/server.ts';
import { readSopsConfigs } from '#lint/sops-config.ts';

export interface LintOptions {
  /** The definitions that manifests are checked by; without them only the semantic rules look. */
  definitions?: Definitions;
  /** Asks a cluster about each object. */
  dryRun?: DryRun;
  /** Look into the git history too. Default: true. */
  history?: boolean;
  signal?: AbortSignal;
}

export interface Linted {
  findings: Finding[];
  /** YAML files that were read. */
  files: number;
  /** Objects of the API in them. */
  objects: number;
}

/**
 * Lints the manifests of a folder: by the definitions of their kinds, by what we know goes wrong with logins and allowlists,
 * and, where it may ask one, by a cluster.
 *
 * @param dir a folder that exists
 */
export async function lint(dir: string, options: LintOptions = {}): Promise<Linted> {
  const { definitions, dryRun, history = true, signal } = options;
  const tree = await readTree(dir);
  const earlier = history ? addressesInHistory(tree.root, signal) : Promise.resolve([]);
  const [sops, patches] = [await readSopsConfigs(tree), patchFiles(tree)];
  signal?.throwIfAborted();
  // Of a patch, what is missing may stand in the object that it is laid over.
  const whole = { ...tree, manifests: tree.manifests.filter(({ source }) => !patches.has(source.file)) };
  const context = { tree: whole, sops, api: { celRules: definitions === undefined || hasCelRules(definitions) } };
  const known = rules.flatMap(({ check }) => check(context));
  const schemas = definitions && new Schemas(definitions);
  const shape = schemas
    ? tree.manifests.flatMap((manifest) => schemas.check(manifest, patches.has(manifest.source.file)))
    : [];
  const answered = dryRun ? await askServer(tree, patches, dryRun) : [];
  return {
    findings: sorted([...tree.findings, ...known, ...unsaid(shape, known), ...answered, ...(await earlier)]),
    files: tree.files,
    objects: tree.manifests.length,
  };
}

/** What a semantic rule says too, and in words that teach, is not said twice. */
function unsaid(shape: readonly Finding[], known: readonly Finding[]): Finding[] {
  const fieldOf = ({ file, line, path }: Finding): string => `${file}:${line}:${path}`;
  const said = new Set(known.map(fieldOf));
  const withoutJwt = new Set(known.filter(({ rule }) => rule === 'OA-D1').map(({ file }) => file));
  return shape.filter(
    (each) =>
      !said.has(fieldOf(each)) &&
      !(each.rule === 'validation-rule' && withoutJwt.has(each.file) && each.why.endsWith('jwt must be defined')),
  );
}
