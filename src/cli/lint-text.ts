import pc from 'picocolors';
import type { Finding } from '#lint/finding.ts';
import type { Linted } from '#lint/lint.ts';

/** Each finding as two or three lines, then one that counts. */
export function lintText({ findings, files, objects }: Linted): string {
  const blocks = findings.map(block);
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const read = `${count(objects, 'object')} in ${count(files, 'YAML file')}`;
  const last =
    findings.length === 0
      ? `${pc.green('✓')} nothing found: ${read}`
      : `${count(errors, 'error')}, ${count(findings.length - errors, 'warning')}: ${read}`;
  return [...blocks, last].join('\n');
}

function block({ file, line, path, rule, severity, why, fix }: Finding): string {
  const mark = severity === 'error' ? pc.red('error') : pc.yellow('warning');
  const where = path === '' ? '' : pc.dim(` ${path}`);
  return `${file}:${line} ${mark} ${pc.bold(rule)}${where}\n  ${why}\n  ${pc.dim('fix:')} ${fix}`;
}

const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
