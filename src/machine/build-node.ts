import { input, type BuildContext, type Builder } from '#machine/build-context.ts';
import { keepPacked, keepUnpacked, start, unsuited } from '#machine/build-node-scripts.ts';
import { NodeImages } from '#machine/images/containerd.ts';
import { docker, imageLabels, labelChanges } from '#machine/images/image-store.ts';
import { CommandError } from '#machine/toolchain.ts';
import type { SpecOf } from '#machine/versions.ts';
import { ownerLabel } from '#support/paths.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';

type Context = BuildContext<SpecOf<'node'>>;

/** Unpacked saves each cluster 7 s and 0.7 GB here; packed works with any layers and any kernel. */
const forms = {
  unpacked: { options: ['--discard-unpacked-layers'], script: keepUnpacked },
  packed: { options: ['--no-unpack'], script: keepPacked },
};

const entrypoint = 'ENTRYPOINT ["/usr/local/bin/entrypoint","/sbin/init"]';

/**
 * A node image with images preloaded: containerd runs in a container of the base image and imports them, and the
 * container is committed.
 */
export const buildNode: Builder<SpecOf<'node'>> = (context) =>
  context.inSlot('image', 'preloading images', async () => {
    try {
      return { preloaded: await inContainer(context, (container) => preload(context, container, 'unpacked')) };
    } catch (error) {
      if (!(error instanceof CommandError && error.output.includes(unsuited))) throw error;
      return { preloaded: await inContainer(context, (container) => preload(context, container, 'packed')) };
    }
  });

async function inContainer<T>(context: Context, work: (container: string) => Promise<T>): Promise<T> {
  const { signal } = context;
  const base = input(context, context.spec.base).reference ?? '';
  const mine = `${imageLabels.part}=${context.part}`;
  // A killed run leaves its container; we hold the lock of this part, so nobody uses it. Nodes of labs that stand have
  // the same label from their image: they are kind's.
  const format = '{{.ID}} {{.Label "io.x-k8s.kind.cluster"}}';
  const found = await docker(['ps', '--all', '--filter', `label=${mine}`, '--format', format], { signal });
  const left = found.split('\n').filter((line) => /^\S+ *$/.test(line));
  for (const each of left) await docker(['rm', '--force', '--volumes', each.trim()], { signal });
  const labels = ['--label', `${ownerLabel}=meshwitness`, '--label', mine];
  const options = ['--detach', '--init', '--privileged', '--network=none', '--volume', '/build', ...labels];
  const container = (await docker(['run', ...options, '--entrypoint', 'sh', base, '-c', start], { signal })).trim();
  try {
    return await work(container);
  } finally {
    await docker(['rm', '--force', '--volumes', container]).catch(() => undefined);
  }
}

async function preload(context: Context, container: string, form: keyof typeof forms): Promise<string[]> {
  const { signal, part, reference } = context;
  const { options, script } = forms[form];
  const wait = { timeoutMs: timeouts.containerdStartMs, ...(signal && { signal }) };
  const exec = (...command: string[]) => docker(['exec', container, ...command], { signal });
  const socket = async () => ({ done: await exec('test', '-S', '/run/containerd/containerd.sock') });
  await until('containerd in the node under construction', socket, wait);
  const names = await nameForNodes(context);
  const images = new NodeImages(container, { signal, log: part });
  try {
    await images.import(names, options);
  } finally {
    // Untagging only takes the name for nodes away again; the image keeps the tag of ours.
    await docker(['image', 'rm', '--no-prune', ...names]).catch(() => undefined);
  }
  for (const name of names) await images.pin(name);
  const preloaded = await images.names();
  await exec('pkill', '-TERM', '-x', 'containerd');
  const ended = async () => {
    const programs = await exec('ps', '-e', '-o', 'comm=');
    return programs.split('\n').includes('containerd') ? { seen: 'it runs' } : { done: true };
  };
  await until('containerd in the node under construction to end', ended, wait);
  await exec('sh', '-c', script);
  const labels = { ...context.labels, [imageLabels.preloaded]: preloaded.join(' ') };
  const changes = ['--change', entrypoint, '--change', 'CMD []', ...labelChanges(labels)];
  await docker(['commit', ...changes, container, reference], { signal });
  return preloaded;
}

/** Gives the images the names that a node finds them by. */
async function nameForNodes({ spec, inputs, signal }: Context): Promise<string[]> {
  const named = spec.preload.flatMap((part) => {
    const { names = [], reference = '' } = inputs.get(part) ?? {};
    return names.map((name) => ({ name, reference }));
  });
  for (const { name, reference } of named) await docker(['tag', reference, name], { signal });
  return named.map(({ name }) => name);
}
