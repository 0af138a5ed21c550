import { cp, readFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { fill, type Builder } from '#machine/build-context.ts';
import { needTool, run } from '#machine/toolchain.ts';
import type { SpecOf } from '#machine/versions.ts';
import { UsageError } from '#support/errors.ts';
import { paths } from '#support/paths.ts';

// Static binaries that name no folder of this machine: they run on any base, and two machines build the same.
const env = { CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' };
// The linker leaves debugging data out: not to make it takes a seventh less time.
const flags = ['-trimpath', '-buildvcs=false', '-mod=readonly', '-gcflags=all=-dwarf=false'];

/**
 * Builds the programs of a recipe's go.mod; its modules are fetched beside the compilation of other parts. With the target
 * `none` the module alone is fetched, without what it depends on, and compared with the recipe's go.sum.
 */
export const buildGo: Builder<SpecOf<'go'>> = async (context) => {
  const { part, spec, version, recipe, out, inSlot, signal } = context;
  await needTool('go', signal, context.say);
  await checkModule(recipe, spec.module, version);
  const log = part;
  const where = { cwd: recipe, env, signal, log };
  if (spec.target === 'none') {
    const found = await inSlot('download', 'downloading', () =>
      run('go', ['mod', 'download', '-json', `${spec.module}@${version}`], where),
    );
    await keepFiles(spec, (JSON.parse(found) as { Dir: string }).Dir, out);
    return;
  }
  const tags = `-tags=${spec.tags.join(',')}`;
  const packages = [spec.target].flat();
  await inSlot('download', 'downloading modules', () =>
    run('go', ['list', '-deps', '-mod=readonly', tags, '-f', '{{""}}', ...packages], where),
  );
  const variables = Object.entries(spec.variables).map(([variable, value]) => `-X ${variable}=${fill(value, version)}`);
  const linker = ['-s', '-w', ...variables].join(' ');
  await inSlot('compile', 'compiling', () =>
    run('go', ['build', ...flags, tags, '-ldflags', linker, '-o', `${out}/`, ...packages], where),
  );
  if (spec.files.length === 0) return;
  const folder = (await run('go', ['list', '-m', '-mod=readonly', '-f', '{{.Dir}}', spec.module], where)).trim();
  await keepFiles(spec, folder, out);
};

async function keepFiles({ files }: SpecOf<'go'>, module: string, out: string): Promise<void> {
  for (const { from, to } of files)
    await cp(resolve(module, from), resolve(out, to), { recursive: true, preserveTimestamps: true });
}

/** go.mod has to name versions too, as Go reads nothing else: this keeps the two from drifting apart. */
async function checkModule(recipe: string, module: string, version: string): Promise<void> {
  const file = resolve(recipe, 'go.mod');
  const lines = (await readFile(file, 'utf8')).split('\n');
  const required = lines.findIndex((line) => line.trim().replace('require ', '').startsWith(`${module} v`));
  if (lines[required]?.includes(`${module} ${version}`)) return;
  throw new UsageError(
    `${relative(paths.root, file)}:${required + 1}:1: expected ${module} ${version}, as kind/versions.yaml says`,
  );
}
