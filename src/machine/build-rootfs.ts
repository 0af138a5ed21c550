import { resolve } from 'node:path';
import type { Builder } from '#machine/build-context.ts';
import { debianMirror } from '#machine/build-mirror.ts';
import { docker, labelChanges } from '#machine/images/image-store.ts';
import { needTool, run } from '#machine/toolchain.ts';
import type { SpecOf } from '#machine/versions.ts';

// What only a person or a later apt-get would read; an image needs none of it.
const ballast = [
  'usr/share/doc',
  'usr/share/man',
  'usr/share/locale',
  'usr/share/info',
  'var/cache/apt',
  'var/lib/apt/lists',
  'var/cache/debconf',
  'var/log',
];

/** A Debian root file system as an image, made with debootstrap from the machine's own mirror. Needs root. */
export const buildRootfs: Builder<SpecOf<'debootstrap'>> = async (context) => {
  const { part, spec, version: suite, work, inSlot, signal } = context;
  const debootstrap = await needTool('debootstrap', signal, context.say);
  const root = resolve(work, 'root');
  await inSlot('download', 'installing packages', async () => {
    const include = `--include=${spec.packages.join(',')}`;
    const options = ['--variant=minbase', '--keyring=/usr/share/keyrings/debian-archive-keyring.gpg', include];
    await run(debootstrap, [...options, suite, root, await debianMirror(signal)], { signal, log: part });
  });
  await inSlot('image', 'packing', async () => {
    const changes = labelChanges(context.labels);
    const pack = [
      '-C',
      root,
      '--numeric-owner',
      ...ballast.map((path) => `--exclude=./${path}/*`),
      '-cf',
      resolve(work, 'root.tar'),
      '.',
    ];
    await run('tar', pack, { signal });
    await docker(['import', ...changes, resolve(work, 'root.tar'), context.reference], { signal });
  });
};
