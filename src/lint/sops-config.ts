import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { $ } from 'zx/core';
import type { Path } from '#lint/finding.ts';
import { lineOf } from '#lint/line-of.ts';
import type { Source } from '#lint/manifest.ts';
import { readYamlText } from '#lint/read-yaml.ts';
import type { Tree } from '#lint/read-tree.ts';
import { fields, items, text } from '#lint/shape.ts';
import { matches } from '#lint/untrusted-pattern.ts';

/** One `creation_rules` entry: how files of these paths are encrypted. The first that fits a path holds. */
export interface CreationRule {
  line: number;
  path: Path;
  pathRegex: string | undefined;
  encryptedRegex: string | undefined;
  unencryptedRegex: string | undefined;
  encryptedSuffix: string | undefined;
}

export interface SopsConfig {
  /** Relative to the linted folder; begins with `..` where it stands above. */
  file: string;
  /** Absolute path of the folder that it holds for. */
  folder: string;
  rules: CreationRule[];
}

/** Every `.sops.yaml` of the tree, and those above it up to the top of its git repository: sops looks upwards. */
export async function readSopsConfigs(tree: Tree): Promise<SopsConfig[]> {
  const own = tree.sources.filter(({ file }) => file === '.sops.yaml' || file.endsWith('/.sops.yaml'));
  return [...own.map((source) => configOf(source, tree.root)), ...(await above(tree.root))];
}

async function above(root: string): Promise<SopsConfig[]> {
  const asked = await $({ cwd: root, quiet: true, nothrow: true })`git rev-parse --show-toplevel`;
  const top = asked.ok ? asked.stdout.trim() : root;
  const found: SopsConfig[] = [];
  for (let folder = root; folder !== top && folder !== dirname(folder);) {
    folder = dirname(folder);
    const content = await readFile(join(folder, '.sops.yaml'), 'utf8').catch(() => undefined);
    const file = relative(root, join(folder, '.sops.yaml')).split(sep).join('/');
    if (content !== undefined)
      found.push(...readYamlText(file, content).sources.map((source) => configOf(source, root)));
  }
  return found;
}

function configOf(source: Source, root: string): SopsConfig {
  return {
    file: source.file,
    folder: dirname(resolve(root, source.file)),
    rules: items(fields(source.value)['creation_rules']).map((value, at) => {
      const rule = fields(value);
      const path = ['creation_rules', at];
      return {
        line: lineOf(source, path),
        path,
        pathRegex: text(rule['path_regex']),
        encryptedRegex: text(rule['encrypted_regex']),
        unencryptedRegex: text(rule['unencrypted_regex']),
        encryptedSuffix: text(rule['encrypted_suffix']),
      };
    }),
  };
}

/** The configuration that holds for a file: the nearest upwards. */
export function configFor(path: string, configs: readonly SopsConfig[]): SopsConfig | undefined {
  const holding = configs.filter(({ folder }) => path.startsWith(folder.endsWith(sep) ? folder : folder + sep));
  return holding.toSorted((a, b) => b.folder.length - a.folder.length)[0];
}

/** The rule for a file, by its path relative to the configuration; undefined when none fits, and sops refuses. */
export function ruleFor(path: string, { folder, rules }: SopsConfig): CreationRule | undefined {
  const short = relative(folder, path).split(sep).join('/');
  return rules.find(({ pathRegex }) => pathRegex === undefined || matches(pathRegex, short));
}

/** Whether a rule leaves the value at a path in clear. Sops asks every key on the way. */
export function leavesInClear(rule: CreationRule, keys: readonly string[]): boolean {
  const { encryptedRegex, unencryptedRegex, encryptedSuffix } = rule;
  if (encryptedRegex !== undefined) return !keys.some((key) => matches(encryptedRegex, key));
  if (unencryptedRegex !== undefined) return keys.some((key) => matches(unencryptedRegex, key));
  if (encryptedSuffix !== undefined) return !keys.some((key) => key.endsWith(encryptedSuffix));
  return false;
}
