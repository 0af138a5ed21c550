import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { paths } from '#support/paths.ts';

/** Files that break a rule on purpose, and what the linter must say of each. */
const planted: Record<string, { code: string; told: string[] }> = {
  'src/lab/up-the-stairs.ts': {
    code: "import { x } from '#cli/main.ts';\nexport const y = x;\n",
    told: ['#cli/main.ts'],
  },
  'src/lab/nested/past-the-door.ts': {
    code: "import { x } from '../../machine/engine.ts';\nexport const y = x;\n",
    told: ['../../machine/engine.ts'],
  },
  'src/report/too-curious.ts': {
    code: "export { judge } from '#verdict/judge.ts';\nexport { lab } from '#lab/lab.ts';\n",
    told: ['#verdict/judge.ts', '#lab/lab.ts'],
  },
  'src/report/as-it-should.ts': {
    code: "export { a } from '#verdict/result.ts';\nexport { b } from '#support/wait.ts';\n",
    told: [],
  },
  'suites/istio-mesh/as-it-should.ts': { code: "export { test } from '#fixtures/test.ts';\n", told: [] },
  'fixtures/from-a-suite.ts': { code: "export { a } from '#suites/a.ts';\n", told: ['#suites/a.ts'] },
  'src/probe/sleepy.ts': {
    code: "import { setTimeout as d } from 'node:timers/promises';\nimport { sleep } from 'zx/core';\nsetTimeout(() => sleep(d(1)), 1);\n",
    told: ['node:timers/promises', "'sleep' import from 'zx/core'", "Unexpected use of 'setTimeout'"],
  },
  'src/verdict/long.ts': { code: 'export {};\n'.repeat(301), told: ['301'] },
};

let folder: string;
let said: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mw-lint-'));
  for (const file of ['oxlint.config.ts', 'package.json', 'tsconfig.json'])
    await cp(resolve(paths.root, file), join(folder, file));
  await symlink(resolve(paths.root, 'node_modules'), join(folder, 'node_modules'));
  for (const [file, { code }] of Object.entries(planted)) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), code);
  }
  const oxlint = resolve(paths.root, 'node_modules/oxlint/bin/oxlint');
  const run = promisify(execFile)(process.execPath, [oxlint, '--format', 'unix'], { cwd: folder });
  said = await run.then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );
}, 60_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('lint rules of this project', () => {
  it.each(Object.entries(planted))('hold in %s', (file, { told }) => {
    const lines = said.split('\n').filter((line) => line.startsWith(`${file}:`) && /restricted|max-lines/.test(line));
    expect(lines).toHaveLength(told.length);
    for (const words of told) expect(lines.join('\n')).toContain(words);
  });
});
