import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { paths } from '#support/paths.ts';
import type { CataloguedCheck } from '#verdict/catalogue.ts';
import { planRun } from '#verdict/plan.ts';

const { manifests: ours } = paths;
const folder = resolve(tmpdir(), `mw-plan-${process.pid}`);
const manifests = resolve(folder, 'manifests');

const scene = `schema: 1
description: A scene of a test
namespaces: { namespace: tried }
always: []
workloads:
  plain: { manifest: pod.yaml }
  load: { manifest: load.yaml, parts: [k6-image] }
  own: { manifest: pod.yaml, parts: [fixture] }
`;
const pod = (image: string) => `{ kind: Pod, metadata: { name: p }, spec: { containers: [{ image: '${image}' }] } }\n`;

beforeAll(async () => {
  Object.assign(paths, { manifests });
  await mkdir(resolve(manifests, 'tried'), { recursive: true });
  await writeFile(resolve(manifests, 'tried/scene.yaml'), scene);
  await writeFile(resolve(manifests, 'tried/pod.yaml'), pod('some/image:1'));
  await writeFile(resolve(manifests, 'tried/load.yaml'), pod('${k6-image}'));
  await writeFile(resolve(folder, 'own.yaml'), pod('${k6-image}'));
});
afterAll(async () => {
  Object.assign(paths, { manifests: ours });
  await rm(folder, { recursive: true });
});

const checkOf = (id: string, more: Partial<CataloguedCheck>): CataloguedCheck => ({
  id,
  title: id,
  level: 'core',
  system: 'gateway-switch',
  tags: [],
  needs: [],
  story: { setUp: '', sends: '', expects: '', why: '' },
  scene: 'tried',
  uses: ['plain'],
  collect: () => Promise.resolve(),
  judge: () => [],
  twins: [],
  file: '',
  manifestFile: resolve(folder, 'none.yaml'),
  ...more,
});

describe('the images that a run asks for', () => {
  it('are those of its workloads and of its checks, each once, and none else', async () => {
    const plain = checkOf('A', {});
    const load = checkOf('B', { uses: ['plain', 'load'] });
    const own = checkOf('C', { parts: ['k6-image'], manifestFile: resolve(folder, 'own.yaml') });
    expect((await planRun([plain], ['current'], 'lab')).parts).toEqual([]);
    expect((await planRun([plain, load, own], ['current', 'older'], 'lab')).parts).toEqual(['k6-image']);
  });

  it('are no programs: those that checks run on this machine are told apart', async () => {
    const [one, other] = [checkOf('A', { tools: ['sops', 'age'] }), checkOf('B', { tools: ['age'] })];
    expect(await planRun([one, other], ['current'], 'lab')).toMatchObject({ parts: [], tools: ['sops', 'age'] });
  });

  it('have in manifests the name that nodes know them by', async () => {
    const own = checkOf('C', { parts: ['k6-image'], uses: ['load'], manifestFile: resolve(folder, 'own.yaml') });
    const { groups } = await planRun([own], ['current'], 'lab');
    const named = expect.stringMatching(/^meshwitness\.local\/k6:v/) as string;
    expect(groups[0]?.checks[0]?.manifests).toMatchObject([{ spec: { containers: [{ image: named }] } }]);
    expect(groups[0]?.plan.workloads[0]?.objects).toMatchObject([{ spec: { containers: [{ image: named }] } }]);
  });

  it('have the published name on a cluster of the user', async () => {
    const { groups, withheld } = await planRun([checkOf('B', { uses: ['load'] })], ['current'], 'lab', {
      revision: 'canary',
    });
    const published = expect.stringMatching(/^grafana\/k6:/) as string;
    expect(groups[0]?.plan.workloads[0]?.objects).toMatchObject([{ spec: { containers: [{ image: published }] } }]);
    expect(groups[0]?.plan.names).toMatchObject({ revision: 'canary' });
    expect(withheld).toEqual([]);
  });

  it('that are published nowhere make a check unsupported there, and keep its workloads away', async () => {
    const [able, unable] = [checkOf('A', {}), checkOf('B', { uses: ['own'] })];
    const { groups, withheld, parts } = await planRun([able, unable], ['current'], 'lab', { revision: 'default' });
    expect(groups.flatMap(({ plan }) => plan.workloads.map(({ name }) => name))).toEqual(['plain']);
    expect(parts).toEqual([]);
    expect(withheld).toMatchObject([{ check: { id: 'B' }, reason: expect.stringMatching(/image fixture is absent/) }]);
    expect((await planRun([unable], ['current'], 'lab')).withheld).toEqual([]);
  });

  it('must be parts, and images that have a name', async () => {
    for (const part of ['k6-imag', 'kind', 'node-smoke'])
      await expect(planRun([checkOf('A', { parts: [part] })], ['current'], 'lab')).rejects.toMatchObject({
        exitCode: 2,
      });
  });

  it('are asked for before a manifest may name them', async () => {
    const silent = checkOf('C', { manifestFile: resolve(folder, 'own.yaml') });
    await expect(planRun([silent], ['current'], 'lab')).rejects.toThrow(/nothing stands for \$\{k6-image\}/);
  });
});

describe('a check that only some control planes decide', () => {
  const older = checkOf('A', { channels: ['older'], uses: ['load'] });
  const alone = checkOf('B', { channels: ['current'], alone: true });

  it('is planned for those, and leaves the others alone', async () => {
    const { groups, alone: last, withheld } = await planRun([older, alone], ['current', 'older'], 'lab');
    expect(groups.map(({ channel }) => channel)).toEqual(['older']);
    expect(last.map(({ planned }) => planned.channel)).toEqual(['current']);
    expect(withheld).toEqual([]);
  });

  it('is unsupported in a run without them, which makes nothing for it', async () => {
    const { groups, withheld, parts } = await planRun([older], ['current'], 'lab');
    expect({ groups, parts }).toEqual({ groups: [], parts: [] });
    expect(withheld).toMatchObject([{ channel: 'current', reason: expect.stringMatching(/^istio-older decides it/) }]);
  });
});
