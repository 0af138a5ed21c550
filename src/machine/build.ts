import type { BuildContext, Builder, BuildResult } from '#machine/build-context.ts';
import { buildDeb, buildNpm, buildNpmInstall, buildScript, buildWheel } from '#machine/build-files.ts';
import { buildGo } from '#machine/build-go.ts';
import { buildImage } from '#machine/build-image.ts';
import { buildNode } from '#machine/build-node.ts';
import { buildRootfs } from '#machine/build-rootfs.ts';
import type { PartSpec, SpecOf } from '#machine/versions.ts';

const builders: { [B in PartSpec['build']]: Builder<SpecOf<B>> } = {
  go: buildGo,
  wheel: buildWheel,
  npm: buildNpm,
  'npm-install': buildNpmInstall,
  deb: buildDeb,
  script: buildScript,
  mmdebstrap: buildRootfs,
  image: buildImage,
  node: buildNode,
};

/** Makes one part by its kind of build. Files go to `context.out`, an image gets the tag `context.reference`. */
export async function buildPart(context: BuildContext): Promise<BuildResult> {
  const builder = builders[context.spec.build] as Builder<PartSpec>;
  return (await builder(context)) ?? {};
}
