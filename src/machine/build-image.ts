import { cp, mkdir } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Builder } from '#machine/build-context.ts';
import { docker, labelArguments } from '#machine/images/image-store.ts';
import type { SpecOf } from '#machine/versions.ts';
import { paths } from '#support/paths.ts';

/** Files and folders that an image made from this repository does not need, and that do not count for its hash. */
export function leftOut(name: string): boolean {
  return ['node_modules', '.git', 'coverage', 'testing'].includes(name) || /\.(test\.ts|md)$/.test(name);
}

/**
 * An image from the recipe's Dockerfile. Its context holds the outputs of the parts it is made from (a folder each,
 * by alias), the recipe itself as `recipe`, and the folders of the repository that it names.
 */
export const buildImage: Builder<SpecOf<'image'>> = async (context) => {
  const { part, spec, version, recipe, work, inSlot, signal } = context;
  const folder = resolve(work, 'context');
  await mkdir(folder);
  await cp(recipe, resolve(folder, 'recipe'), { recursive: true });
  for (const [alias, ready] of context.inputs)
    if (ready.path !== undefined)
      await cp(ready.path, resolve(folder, alias), { recursive: true, verbatimSymlinks: true });
  for (const source of spec.sources)
    await cp(resolve(paths.root, source), resolve(folder, source), {
      recursive: true,
      filter: (file) => !leftOut(basename(file)),
    });
  const bases = Object.keys(spec.bases).map((name) => [name, context.inputs.get(name)?.reference ?? '']);
  const values = [...bases, ['PART_VERSION', version]].flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  await inSlot('image', 'building image', async () => {
    const labels = labelArguments(context.labels);
    const file = ['--file', resolve(folder, 'recipe', 'Dockerfile')];
    await docker(['build', ...labels, ...values, ...file, '--tag', context.reference, folder], { signal, log: part });
  });
};
