// `npm run lint [-- --fix]`: format, type-aware lint with import boundaries, unused code, types. CI runs the same.
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import pLimit from 'p-limit';
import pc from 'picocolors';
import ms from 'pretty-ms';
import { $ } from 'zx/core';
import { paths } from '#support/paths.ts';

const { fix } = new Command('lint')
  .description('Check format, lint rules, import boundaries, unused code and types')
  .option('--fix', 'mend what can be mended by a tool', false)
  .parse()
  .opts<{ fix: boolean }>();

const loadTypes = 'fixtures/k6/tsconfig.json';
const steps: [name: string, bin: string, args: string[]][] = [
  ['types', 'typescript/bin/tsc', ['-p', 'tsconfig.json']],
  ['lint', 'oxlint/bin/oxlint', ['--deny-warnings', ...(fix ? ['--fix'] : [])]],
  ['format', 'prettier/bin/prettier.cjs', [fix ? '--write' : '--check', '--log-level=warn', '.']],
  ['unused code', 'knip/bin/knip.js', ['--no-progress', '--no-config-hints']],
];
if (existsSync(loadTypes)) steps.push(['types of load scripts', 'typescript/bin/tsc', ['-p', loadTypes]]);

const run = $({ cwd: paths.root, quiet: true, nothrow: true });
const two = pLimit(2);
const ended = await Promise.all(
  steps.map(([name, bin, args]) =>
    two(async () => {
      const output = await run`${process.execPath} node_modules/${bin} ${args}`;
      const ok = output.exitCode === 0;
      console.log(`${ok ? pc.green('✓') : pc.red('✗')} ${name} ${pc.dim(ms(output.duration))}`);
      if (!ok) console.log(`${output.stdout}${output.stderr}`.trimEnd());
      return ok;
    }),
  ),
);
process.exitCode = ended.every(Boolean) ? 0 : 1;
