import { resolve } from 'node:path';
import { masked } from '#lint/addresses.ts';
import { clearAddresses } from '#lint/clear-addresses.ts';
import { pathText, type Finding } from '#lint/finding.ts';
import { lineAt } from '#lint/line-of.ts';
import { isEncryptedFile, manifestsOf, type Source } from '#lint/manifest.ts';
import { isPolicy } from '#lint/policy.ts';
import type { Context, Rule } from '#lint/rule.ts';
import { configFor, leavesInClear, ruleFor } from '#lint/sops-config.ts';

/** The keys on the way to an allowlist: one of them has to fit. */
const allowlistKeys = ['spec', 'authorization', 'rules', 'principal', 'jwt', 'claims', 'values'];
const holdsPolicy = (source: Source): boolean => manifestsOf(source).some(isPolicy);

/** OA-D10: an address that everyone who can read the repository can read. */
export const addressInClear: Rule = {
  id: 'OA-D10',
  title: 'an address of an allowlist in clear, or a SOPS rule that leaves it so',
  check: (context) => [...tooNarrow(context), ...context.tree.sources.flatMap((source) => readable(source, context))],
};

function tooNarrow({ tree, sops }: Context): Finding[] {
  const narrow = new Map<string, Finding>();
  for (const source of tree.sources.filter(holdsPolicy)) {
    const path = resolve(tree.root, source.file);
    const config = configFor(path, sops);
    const rule = config && ruleFor(path, config);
    if (!rule || !leavesInClear(rule, allowlistKeys)) continue;
    const finding: Finding = {
      file: config.file,
      line: rule.line,
      path: pathText(rule.path),
      rule: 'OA-D10',
      severity: 'error',
      why: `the rule for ${source.file} encrypts nothing of a SecurityPolicy's allowlist: addresses stay in clear`,
      fix: 'a rule of its own before this one, with path_regex for the policies and encrypted_regex: ^(data|stringData|values)$',
    };
    const key = `${config.file}:${rule.line}`;
    if (!narrow.has(key)) narrow.set(key, finding);
  }
  return [...narrow.values()];
}

/** One finding a document, at the first address: the list itself is not to be repeated in a log. */
function readable(source: Source, { tree, sops }: Context): Finding[] {
  const encrypted = isEncryptedFile(source);
  if (!encrypted && !holdsPolicy(source)) return [];
  const found = clearAddresses(source);
  const [first] = found;
  if (first === undefined) return [];
  const usesSops = sops.length > 0 || tree.sources.some(isEncryptedFile);
  const many = found.length === 1 ? masked(first.address) : `${masked(first.address)} and ${found.length - 1} more`;
  return [
    {
      file: source.file,
      line: lineAt(source.lines, source.offset + first.offset),
      path: '',
      rule: 'OA-D10',
      severity: usesSops ? 'error' : 'warning',
      why: encrypted
        ? `the file is encrypted, and still tells ${many}`
        : `the policy tells ${many} to everyone who reads the repository`,
      fix: encrypted
        ? 'sops decrypt it in place, mend encrypted_regex, encrypt it again; a comment outside what is encrypted stays in clear'
        : 'encrypt it with SOPS by a rule whose encrypted_regex covers the values of claims: sops encrypt --in-place FILE',
    },
  ];
}
