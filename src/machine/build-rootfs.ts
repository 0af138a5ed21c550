import { resolve } from 'node:path';
import type { Builder } from '#machine/build-context.ts';
import { debianMirror } from '#machine/build-mirror.ts';
import { docker, labelChanges } from '#machine/images/image-store.ts';
import { needTool, run } from '#machine/toolchain.ts';
import type { SpecOf } from '#machine/versions.ts';

/** What only a person would read: an image needs none of it. */
const unread = ['doc', 'man', 'locale', 'info'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);

/**
 * A Debian root file system as an image, made with mmdebstrap from the machine's own mirror: the same packages as by
 * debootstrap, in less than half the time. Needs root.
 */
export const buildRootfs: Builder<SpecOf<'mmdebstrap'>> = async (context) => {
  const { part, spec, version: suite, work, inSlot, signal } = context;
  const mmdebstrap = await needTool('mmdebstrap', signal, context.say);
  const root = resolve(work, 'root.tar');
  await inSlot('download', 'installing packages', async () => {
    const include = `--include=${spec.packages.join(',')}`;
    const options = ['--variant=minbase', '--keyring=/usr/share/keyrings/debian-archive-keyring.gpg', ...unread];
    await run(mmdebstrap, [...options, include, suite, root, await debianMirror(signal)], { signal, log: part });
  });
  await inSlot('image', 'packing', () =>
    docker(['import', ...labelChanges(context.labels), root, context.reference], { signal }),
  );
};
