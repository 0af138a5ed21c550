import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { paths } from '#support/paths.ts';
import { loadCatalogue } from '#verdict/catalogue.ts';
import { readManifests } from '#verdict/manifest-file.ts';
import { planScene } from '#verdict/scene-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(resolve(tmpdir(), 'mw-scene-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('planScene', () => {
  it('fills every name in, for every scene and check there is', async () => {
    for (const { scene, uses = [] } of await loadCatalogue()) {
      if (scene === undefined) continue;
      const { always, workloads } = await planScene(scene, uses, 'older');
      expect(workloads.map(({ name }) => name)).toEqual(uses);
      expect(JSON.stringify([always, workloads])).not.toContain('${');
    }
  });

  it('gives each control plane namespaces of its own', async () => {
    const [current, older] = await Promise.all([
      planScene('semaphore', [], 'current'),
      planScene('semaphore', [], 'older'),
    ]);
    expect([current.names['namespace'], older.names['namespace']]).toEqual(['semaphore', 'semaphore-older']);
  });

  it('changes the hash of a workload with anything that it is made from', async () => {
    const [[one], [other]] = await Promise.all([
      planScene('semaphore', ['edge'], 'current').then(({ workloads }) => workloads),
      planScene('semaphore', ['edge'], 'older').then(({ workloads }) => workloads),
    ]);
    expect(one?.hash).not.toBe(other?.hash);
  });

  it('names the nearest workload for one that the scene has not', async () => {
    await expect(planScene('semaphore', ['auth-identiy'], 'current')).rejects.toMatchObject({
      exitCode: 2,
      hint: 'did you mean auth-identity?',
    });
  });

  it('has no scene folder without a description', async () => {
    const entries = await readdir(paths.manifests, { withFileTypes: true });
    for (const each of entries.filter((entry) => entry.isDirectory()))
      await expect(planScene(each.name, [], 'current')).resolves.toMatchObject({ name: each.name });
  });
});

describe('readManifests', () => {
  it('names a placeholder that nothing stands for', async () => {
    const file = resolve(folder, 'one.yaml');
    await writeFile(file, 'kind: Namespace\nmetadata: { name: "${nobody}" }\n');
    await expect(readManifests(file, {})).rejects.toMatchObject({
      exitCode: 2,
      message: /nothing stands for \$\{nobody\}/,
    });
  });

  it('says where YAML does not parse', async () => {
    const file = resolve(folder, 'two.yaml');
    await writeFile(file, 'kind: [\n');
    await expect(readManifests(file, {})).rejects.toMatchObject({ exitCode: 2, message: /two\.yaml: .*line/ });
  });
});
