import { resolve } from 'node:path';
import { leftOut } from '#machine/build-image.ts';
import { contentHash } from '#machine/cache.ts';
import { ingredientsOf, specOf, versionOf, type PartSpec, type PullSpec, type Versions } from '#machine/versions.ts';
import { paths } from '#support/paths.ts';

/** Hash of a part as it is pulled: of the reference, wherever a mirror has it. */
export function pulledHash(part: string, pull: PullSpec): Promise<string> {
  return contentHash({ part, pull }, []);
}

/**
 * Hash of a part as it is built: its entry in versions.yaml, its recipe, the sources it takes from this repository,
 * and the hashes of what it is made from. A tag or a time does not count.
 *
 * @param ingredient gives the hash of one part it is made from
 */
export async function builtHash(
  versions: Versions,
  part: string,
  recipes: string,
  ingredient: (part: string) => Promise<string>,
): Promise<string> {
  const spec = specOf(versions, part);
  const { expectedSeconds: _time, pull: _pull, release: _release, ...entry } = spec;
  const from = await Promise.all(
    ingredientsOf(spec).map(async ({ alias, part: each }) => [alias, await ingredient(each)] as const),
  );
  const platform = `${process.platform}-${process.arch}`;
  const values = { part, entry, version: versionOf(versions, part), platform, from };
  return contentHash(values, sourcesOf(recipes, part, spec), leftOut);
}

/** Folder of a part's recipe, whether or not its kind of build needs one. */
export function recipeFolder(recipes: string, part: string, spec: PartSpec): string {
  return resolve(recipes, spec.recipe ?? part);
}

function sourcesOf(recipes: string, part: string, spec: PartSpec): string[] {
  const recipe =
    spec.build === 'go' || spec.build === 'script' || spec.build === 'image' ? [recipeFolder(recipes, part, spec)] : [];
  const manifest = (folder: string) =>
    ['package.json', 'package-lock.json'].map((file) => resolve(paths.root, folder, file));
  if (spec.build === 'image') return [...recipe, ...spec.sources.map((source) => resolve(paths.root, source))];
  if (spec.build === 'npm-install') return manifest(spec.source);
  return recipe;
}
