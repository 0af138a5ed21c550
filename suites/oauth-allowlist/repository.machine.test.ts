import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '#lab/cluster.ts';
import { ensureParts } from '#machine/parts.ts';
import { paths } from '#support/paths.ts';
import { judge, judgeTwin } from '#verdict/judge.ts';
import { readManifests } from '#verdict/manifest-file.ts';
import { planScene } from '#verdict/scene-file.ts';
import { Stage } from '#verdict/stage.ts';
import { policyKept, reconcile } from './flux-stub.ts';
import nothingReadable from './oa-19-nothing-readable.check.ts';
import safeEditing from './oa-20-safe-editing.check.ts';
import { Repository, repositoryTools, type encryptedRegex } from './repository.ts';
import { lost, readableIn } from './secrets.ts';

const { signal } = new AbortController();
let documents: Manifest[];

beforeAll(async () => {
  const { names, provider } = await planScene('homelab', [], 'envoy-gateway');
  const file = resolve(paths.manifests, 'homelab/oauth-policy.yaml');
  documents = await readManifests(file, { ...names, ...provider?.secrets });
  await ensureParts(repositoryTools);
});

const repositoryOf = (encrypts: keyof typeof encryptedRegex) => Repository.of(documents, { encrypts, signal });

describe('a repository', () => {
  it('tells nothing, and gives back what was encrypted', async () => {
    await using repository = await repositoryOf('whole');
    expect(await readableIn(repository)).toEqual({ secrets: 3, versions: 6, found: [] });
    expect(await repository.lint()).toEqual({ exitCode: 0, findings: [] });
    for (const [file, document] of repository.documents) expect(await repository.decrypted(file)).toEqual(document);
  });

  it('tells addresses by the usual rule', async () => {
    await using repository = await repositoryOf('data-only');
    const place = 'apps/oauth-policy-oauth-a.sops.yaml';
    expect((await readableIn(repository)).found.toSorted()).toEqual([
      `address 1 of oauth-a: ${place}`,
      `address 1 of oauth-a: ${place} in history`,
    ]);
    const { exitCode, findings } = await repository.lint();
    expect(exitCode).toBe(1);
    expect(findings).toContainEqual({ rule: 'OA-D10', file: '.sops.yaml' });
    expect(findings).toContainEqual({ rule: 'OA-D10', file: place });
  });

  it('shows what stood in clear in an earlier commit', async () => {
    await using repository = await repositoryOf('whole');
    await repository.write('note.txt', 'ask user@example.com');
    await repository.commit('note.txt');
    await repository.write('note.txt', 'ask nobody');
    await repository.commit('note.txt');
    expect((await readableIn(repository)).found).toEqual(['address 1 of oauth-a: note.txt in history']);
  });

  it('can be read with its own key only, and is gone at the end', async () => {
    await using other = await repositoryOf('whole');
    let folder: string;
    {
      await using repository = await repositoryOf('whole');
      folder = repository.folder;
      const [file = ''] = repository.documents.keys();
      await expect(repository.decrypted(file, other.key)).rejects.toThrow('sops decrypt');
    }
    expect(existsSync(resolve(folder, '..'))).toBe(false);
  });
});

/** A stage without a cluster; the policy's documents are those of its step. */
const stageOf = (check: typeof safeEditing) =>
  new Stage({ check, names: { namespace: 'network' }, manifests: documents, signal });

/** What collected evidence must not hold: no key, no credential. */
const secrets = /AGE-SECRET-KEY|of-this-lab-only/;

describe('OA-19 up to where it needs a cluster', () => {
  const collected = async (params: Record<string, string>) => {
    const stage = stageOf(nothingReadable);
    await expect(nothingReadable.collect(stage, params)).rejects.toThrow('no scene');
    const evidence = await stage.evidence([]);
    expect(JSON.stringify(evidence)).not.toMatch(secrets);
    return judge(nothingReadable, evidence);
  };

  it('finds nothing', async () => {
    const { findings } = await collected({ encrypts: 'whole' });
    const met = findings.filter(({ state }) => state === 'met').map(({ expectation }) => expectation);
    expect(met).toEqual(['nothing-readable', 'nothing-reported', 'metadata-readable', 'decrypted-alike']);
  });

  it('is turned red by its twin', async () => {
    const [twin] = nothingReadable.twins;
    expect(twin && judgeTwin(await collected({ encrypts: 'data-only' }), twin)).toMatchObject({ verdict: 'caught' });
  });
});

describe('the stub of Flux', () => {
  it('applies what it decrypts with the key in the cluster, and takes the key away', async () => {
    await using repository = await repositoryOf('whole');
    const kept = new Map<string, Manifest>();
    const applied: Manifest[] = [];
    const cluster = {
      apply: async (all: (Manifest & { stringData?: Record<string, string> })[]) =>
        all.forEach((each) => {
          const coded = Object.entries(each.stringData ?? {}).map(([key, value]) => [key, btoa(value)]);
          kept.set(each.metadata.name, { ...each, data: Object.fromEntries(coded) } as Manifest);
        }),
      read: async (_version: string, _kind: string, name: string) => kept.get(name),
      remove: async (all: Manifest[]) => all.forEach((each) => kept.delete(each.metadata.name)),
    };
    const stage = {
      names: { namespace: 'network' },
      scene: { cluster },
      signal,
      applyObjects: async (all: Manifest[]) => void applied.push(...all),
      objects: async () => applied.filter(({ kind }) => kind === 'SecurityPolicy'),
    } as unknown as Stage;
    expect(await policyKept(stage, documents)).toMatchObject({ exists: false });
    await reconcile(stage, repository);
    expect(applied).toEqual(documents);
    expect(await policyKept(stage, documents)).toEqual({ exists: true, lost: [] });
    expect(kept.size).toBe(0);
  });
});

describe('OA-20 without a cluster', () => {
  const collected = async (params: Record<string, string>) => {
    const stage = stageOf(safeEditing);
    await safeEditing.collect(stage, params);
    const evidence = await stage.evidence([]);
    expect(JSON.stringify(evidence)).not.toMatch(secrets);
    return judge(safeEditing, evidence);
  };

  it('passes', async () => {
    const { findings, ...judged } = await collected({ hook: 'installed' });
    expect(judged, JSON.stringify(findings, undefined, 2)).toMatchObject({ verdict: 'pass' });
  });

  it('is turned red by its twin', async () => {
    const [twin] = safeEditing.twins;
    expect(twin && judgeTwin(await collected({ hook: 'absent' }), twin)).toMatchObject({ verdict: 'caught' });
  });
});

it('names what was lost, and not what was added', () => {
  expect(lost({ a: [{ b: 1 }], c: '' }, { a: [{ b: 1, d: 2 }], c: '' })).toEqual([]);
  expect(lost({ a: [{ b: 1 }], c: '' }, { a: [{ b: 2 }] }, 'spec')).toEqual(['spec.a.0.b', 'spec.c']);
});
