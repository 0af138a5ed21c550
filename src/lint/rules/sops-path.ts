import { posix, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Finding } from '#lint/finding.ts';
import { lineOf } from '#lint/line-of.ts';
import { isEncryptedFile } from '#lint/manifest.ts';
import type { Context, Rule } from '#lint/rule.ts';
import type { Guide } from '#lint/read-tree.ts';
import { configFor, ruleFor } from '#lint/sops-config.ts';

/** OA-D11: what is encrypted elsewhere is encrypted by no rule, or by another one, and comes back with values in clear. */
export const scratchPath: Rule = {
  id: 'OA-D11',
  title: 'files encrypted from a path that no rule of .sops.yaml fits',
  check: (context) => [...unruled(context), ...context.tree.guides.flatMap((guide) => commands(guide, context))],
};

function unruled({ tree, sops }: Context): Finding[] {
  return tree.sources.flatMap((source) => {
    if (!isEncryptedFile(source)) return [];
    const path = resolve(tree.root, source.file);
    const config = configFor(path, sops);
    if (config === undefined || ruleFor(path, config)) return [];
    return {
      file: source.file,
      line: lineOf(source, ['sops']),
      path: 'sops',
      rule: 'OA-D11',
      severity: 'error',
      why: `the file is encrypted, and no path_regex of ${config.file} fits its path: it was encrypted elsewhere, and by what rule is not known`,
      fix: 'move it to a path that has a rule, or add one; then sops updatekeys, and edit in place: sops edit FILE',
    } as const;
  });
}

/** `sops -e FILE` and `sops encrypt FILE` in texts that people and machines follow. */
function commands({ file, text }: Guide, context: Context): Finding[] {
  const scratch = new Set(
    [...text.matchAll(/(\w+)=["']?(?:\$\(\s*mktemp|`mktemp|\/tmp\/|\$\{?TMPDIR)/g)].map(([, name]) => name),
  );
  const findings: Finding[] = [];
  let line = 1;
  // A command goes on after a backslash at the end of its line.
  for (const command of text.split(/(?<!\\)\n/)) {
    for (const [, typed = ''] of command.replaceAll('\\\n', ' ').matchAll(/\bsops\s+([^|;&`\n]{1,2000})/g)) {
      const target = encryptedFile(typed);
      if (target === undefined || !isOutside(target, file, scratch, context)) continue;
      findings.push({
        file,
        line,
        path: '',
        rule: 'OA-D11',
        severity: 'error',
        why: `encrypts ${target}, a path that no rule of .sops.yaml fits: it fails, or encrypts by another rule than the file's own`,
        fix: 'edit in place (sops edit FILE), or name the rule: --filename-override FILE',
      });
    }
    line += command.split('\n').length;
  }
  return findings;
}

/** The file that a command encrypts by the rules of .sops.yaml; undefined where it does something else, or names its file. */
function encryptedFile(typed: string): string | undefined {
  const words = typed
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => word.replaceAll(/^["']|["',.]+$/g, ''));
  const takes = { type: 'string' } as const;
  const named = [
    'age',
    'pgp',
    'kms',
    'gcp-kms',
    'azure-kv',
    'output',
    'output-type',
    'input-type',
    'encrypted-regex',
    'config',
  ];
  const { values, positionals } = parseArgs({
    args: words,
    strict: false,
    allowPositionals: true,
    options: {
      ...Object.fromEntries(named.map((name) => [name, takes])),
      'filename-override': takes,
      encrypt: { type: 'boolean', short: 'e' },
      'in-place': { type: 'boolean', short: 'i' },
    },
  });
  const isCommand = positionals[0] === 'encrypt' || positionals[0] === 'enc';
  if (!isCommand && values['encrypt'] !== true) return undefined;
  if (values['filename-override'] !== undefined) return undefined;
  // With a key and a pattern of its own no rule is asked.
  if (values['age'] !== undefined && values['encrypted-regex'] !== undefined) return undefined;
  return (isCommand ? positionals.slice(1) : positionals).find((word) => !/^\d?[<>]/.test(word));
}

function isOutside(
  target: string,
  guide: string,
  scratch: ReadonlySet<string | undefined>,
  { tree, sops }: Context,
): boolean {
  if (/^(?:\/tmp\/|\/var\/tmp\/|\/dev\/|\$\{?TMPDIR|\$\(mktemp)/.test(target)) return true;
  const [, variable] = /^\$\{?(\w+)\}?/.exec(target) ?? [];
  if (variable !== undefined) return scratch.has(variable);
  // A placeholder, or an absolute path of another machine: nothing is known.
  if (/[<>$*{}]|^[/~-]|^[A-Z_]+$/.test(target) || !/\.ya?ml$/.test(target)) return false;
  const asTyped = [target, posix.join(posix.dirname(guide), target)].map((path) => resolve(tree.root, path));
  const known = asTyped.map((path) => [path, configFor(path, sops)] as const);
  return known.some(([, config]) => config) && known.every(([path, config]) => !config || !ruleFor(path, config));
}
