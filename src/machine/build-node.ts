import { input, type BuildContext, type Builder } from '#machine/build-context.ts';
import { docker, imageLabels, labelChanges } from '#machine/images/image-store.ts';
import { run } from '#machine/toolchain.ts';
import type { SpecOf } from '#machine/versions.ts';
import { ownerLabel } from '#support/paths.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';

// kind gives each node a volume for /var, and Docker copies into it what the image has there. So the layers stay in the
// image, where all nodes share them, and containerd's store only links to them.
const moveLayers = `
set -eu
cd /var/lib/containerd/io.containerd.content.v1.content/blobs/sha256
mkdir -p /kind/blobs
find . -type f -size +64k | while read -r blob; do mv "$blob" /kind/blobs/ && ln -s "/kind/blobs/$blob" "$blob"; done
rm -rf /var/lib/containerd/io.containerd.content.v1.content/ingest/*
# A machine may not lower oom_score_adj; a published node image does not know.
sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' /etc/containerd/config.toml
`;
const entrypoint = 'ENTRYPOINT ["/usr/local/bin/entrypoint","/sbin/init"]';

/**
 * A node image with images preloaded: containerd runs in a container of the base image, imports them,
 * and the container is committed. Layers are unpacked by a node when it first uses them.
 */
export const buildNode: Builder<SpecOf<'node'>> = async (context) => {
  const { inSlot, signal } = context;
  return inSlot('image', 'preloading images', async () => {
    const base = input(context, context.spec.base);
    const labels = ['--label', `${ownerLabel}=meshwitness`];
    // Its only process is containerd, so that stopping the container ends it in order.
    const start = [
      'run',
      '--detach',
      '--init',
      '--network=none',
      '--stop-signal=TERM',
      '--entrypoint=containerd',
      ...labels,
    ];
    const container = (await docker([...start, base.reference ?? ''], { signal })).trim();
    try {
      return { preloaded: await preload(context, container) };
    } finally {
      await docker(['rm', '--force', '--volumes', container]).catch(() => undefined);
    }
  });
};

async function preload(context: BuildContext<SpecOf<'node'>>, container: string): Promise<string[]> {
  const { spec, signal, part } = context;
  const ctr = ['ctr', '--namespace=k8s.io'];
  await until(
    'containerd in the node under construction',
    async () => ({ done: await docker(['exec', container, 'ctr', 'version'], { signal }) }),
    { timeoutMs: timeouts.containerdStartMs, ...(signal && { signal }) },
  );
  const names: string[] = [];
  for (const image of spec.preload.map((each) => input(context, each))) {
    const wanted = image.names?.length ? image.names : [image.reference ?? ''];
    for (const name of wanted) await docker(['tag', image.reference ?? '', name], { signal });
    names.push(...wanted);
  }
  try {
    const importer = [...ctr, 'images', 'import', '--all-platforms', '--no-unpack', '-'];
    const pipe = `docker save "$@" | docker exec --interactive ${container} ${importer.join(' ')}`;
    await run('bash', ['-o', 'pipefail', '-c', pipe, 'save', ...names], { signal, log: part });
  } finally {
    // Untagging only takes the name for nodes away again; the image keeps the tag of ours.
    await docker(['image', 'rm', '--no-prune', ...names]).catch(() => undefined);
  }
  const listed = await docker(['exec', container, ...ctr, 'images', 'list', '--quiet'], { signal });
  // Pinned images are not collected when the disk fills; nothing could bring them back.
  for (const name of names)
    await docker(['exec', container, ...ctr, 'images', 'label', name, 'io.cri-containerd.pinned=pinned'], { signal });
  await docker(['exec', container, 'sh', '-c', moveLayers], { signal });
  await docker(['stop', '-t', '20', container], { signal });
  const preloaded = listed.split('\n').filter((name) => name !== '' && !name.startsWith('sha256:'));
  const labels = { ...context.labels, [imageLabels.preloaded]: preloaded.join(' ') };
  const changes = ['--change', entrypoint, ...labelChanges(labels)];
  await docker(['commit', ...changes, container, context.reference], { signal });
  return preloaded;
}
