// How long a lint of a large repository takes: 1,000 manifests, half of them routes and policies, with a history of as many
// versions. The requirement is 10 s. node scripts/bootstrap.mjs bench/lint.ts [MANIFESTS]
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { $ } from 'zx/core';
import { paths } from '#support/paths.ts';

const [wanted = '1000'] = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), 'mw-lint-'));
const template = (file: string) => readFile(resolve(paths.root, 'src/lint/testdata', file), 'utf8');
const kinds = {
  policy: await template('OA-D1/good/policy.yaml'),
  gateway: await template('OA-D5/good/gateway.yaml'),
  override: await template('OA-D9/good/override.yaml'),
  config: 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: NAME\ndata:\n  key: value\n',
};

try {
  const git = $({ cwd: folder, quiet: true });
  const commit = () =>
    git`git add -A && git -c user.name=bench -c user.email=bench@localhost commit --quiet --message x`;
  await git`git init --quiet`;
  for (const version of [1, 2]) {
    for (let n = 0; n < Number(wanted); n += 1) {
      const [kind, text] = Object.entries(kinds)[n % 4] ?? ['', ''];
      const file = join(folder, `app-${n % 50}`, `${kind}-${n}.yaml`);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, `# Version ${version}.\n${text.replaceAll(/^ {2}name: .*$/gm, `  name: ${kind}-${n}`)}`);
    }
    await commit();
  }
  for (const args of [[], ['--no-history'], ['--no-crds', '--no-history']]) {
    const start = performance.now();
    const { stdout, exitCode } = await $({
      cwd: paths.root,
      quiet: true,
      nothrow: true,
    })`./meshwitness lint ${folder} ${args}`;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${seconds} s, exit ${exitCode}: lint ${args.join(' ')}: ${stdout.trim().split('\n').at(-1)}`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
