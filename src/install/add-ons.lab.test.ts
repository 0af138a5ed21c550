import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askAddOns, addOnParts, installAddOns } from '#install/add-ons.ts';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { downKind } from '#lab/down.ts';
import { bringImages, type PodImage } from '#lab/images.ts';
import { upLab } from '#lab/up.ts';
import { ensureEngine } from '#machine/engine.ts';
import { nameInNodes } from '#machine/image-names.ts';
import { docker } from '#machine/images/image-store.ts';
import { ensureParts } from '#machine/parts.ts';
import { loadVersions } from '#machine/versions.ts';

const lab = `a${process.pid}`;
const say = (): void => undefined;
const needs = ['resource-metrics'];
const [part = ''] = addOnParts(needs);
const changed = `meshwitness.local/on-demand-test:${process.pid}`;

let cluster: Cluster;
let image: PodImage;
beforeAll(async () => {
  await ensureEngine({ say });
  const parts = await ensureParts([part]);
  image = { reference: parts.get(part)?.reference ?? '', name: nameInNodes(await loadVersions(), part) };
  const { clusters } = await upLab({ name: lab, topology: 'solo', say });
  cluster = clusters.get('main') as Cluster;
});
afterAll(async () => {
  await docker(['image', 'rm', '--force', changed]).catch(() => undefined);
  await downKind(lab);
});

const deployed = () => cluster.read<Manifest>('apps/v1', 'Deployment', 'metrics-server', 'kube-system');

describe('an add-on of a lab, and the image that it runs', { sequential: true }, () => {
  it('is not there before it is asked for', async () => {
    expect(await askAddOns(cluster)).toEqual([]);
    expect(await installAddOns(cluster, ['istio'])).toEqual([]);
  });

  it('gets its image into the node, once', async () => {
    expect(await bringImages(cluster, [image])).toEqual([image.name]);
    expect(await bringImages(cluster, [image])).toEqual([]);
  });

  it('runs on it, and is found by asking', async () => {
    expect(await installAddOns(cluster, needs)).toEqual(needs);
    expect(await askAddOns(cluster)).toEqual(needs);
  });

  it('goes when its image changes under the same name, and comes back on the other one', async () => {
    const input = `FROM ${image.reference}\nLABEL changed=yes\n`;
    await docker(['build', '--tag', changed, '-'], { input });
    expect(await bringImages(cluster, [{ ...image, reference: changed }])).toEqual([image.name]);
    expect(await deployed()).toBeUndefined();
    expect(await installAddOns(cluster, needs)).toEqual(needs);
    expect(await bringImages(cluster, [{ ...image, reference: changed }])).toEqual([]);
    expect(await deployed()).toBeDefined();
  });
});
