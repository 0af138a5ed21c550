import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { request } from 'undici';
import { ensureEngine } from '#machine/engine.ts';
import { loadArchive, saveParts } from '#machine/images/archive.ts';
import { docker, imageLabels, inspectImage } from '#machine/images/image-store.ts';
import { PartMaker, type MakerOptions } from '#machine/parts-make.ts';
import { toolPath } from '#machine/parts.ts';
import type { PartEvent } from '#machine/ready-part.ts';
import { needTool, run } from '#machine/toolchain.ts';
import { loadVersions, type Versions } from '#machine/versions.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';

// Its own cache, named before anything reads where the cache is.
vi.hoisted(() => {
  process.env['XDG_CACHE_HOME'] = `${process.env['TMPDIR'] ?? '/tmp'}/meshwitness-pull-test-${process.pid}`;
});
const cache = process.env['XDG_CACHE_HOME'] as string;

let folder: string;
let registry: ChildProcess;
let port: number;
let closedPort: number;
let digest: string;
let published: string;
let versions: Versions;

beforeAll(async () => {
  await ensureEngine({ say: () => undefined });
  folder = await mkdtemp(resolve(tmpdir(), 'registry-'));
  [port, closedPort] = [await freePort(), await freePort()];
  registry = await startRegistry();
  digest = await publish('small');
  await mkdir(resolve(folder, 'recipe'));
  await writeFile(resolve(folder, 'recipe', 'Dockerfile'), 'FROM scratch\nCOPY recipe/Dockerfile /built\n');
  await writeFile(resolve(folder, 'recipe', 'build.sh'), 'echo built > "$2/hello"\n');
  await writeFile(resolve(folder, 'versions.yaml'), versionsText());
  versions = await loadVersions(resolve(folder, 'versions.yaml'));
});

afterAll(async () => {
  registry.kill();
  const ours = ['image', 'ls', '--quiet', '--filter', `label=${imageLabels.part}=pull-test-pinned`];
  const images = (await docker([...ours])).split('\n').filter(Boolean);
  const tags = await docker(['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}']);
  const named = tags
    .split('\n')
    .filter((tag) => tag.startsWith('meshwitness.local/pull-test-') || tag.includes(`:${port}/`));
  if (images.length + named.length > 0)
    await docker(['image', 'rm', '--force', ...images, ...named]).catch(() => undefined);
  // What was pulled by digest has no tag left.
  await docker(['image', 'rm', '--force', published]).catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
  await rm(cache, { recursive: true, force: true });
});

function versionsText(): string {
  const part = (name: string, reference: string, pinned?: string) => `  pull-test-${name}:
    build: image
    recipe: recipe
    version: '0.1'
    expectedSeconds: 1
    names: ['meshwitness.local/pull-test-${name}-inside:{version}']
    pull: { reference: '${reference}', version: '1.0'${pinned === undefined ? '' : `, digest: '${pinned}'`} }
`;
  return `schema: 1
parts:
${part('pinned', `127.0.0.1:${port}/test/small:1.0`, digest)}
${part('unpinned', `127.0.0.1:${port}/test/small:1.0`)}
${part('mirrored', 'host.invalid/test/small:1.0', digest)}
${part('wrong', `127.0.0.1:${port}/test/small:1.0`, `sha256:${'0'.repeat(64)}`)}
${part('absent', `127.0.0.1:${port}/test/none:1.0`)}
${part('unreachable', `127.0.0.1:${closedPort}/test/small:1.0`)}
  pull-test-files:
    build: script
    recipe: recipe
    version: '0.1'
    outputs: [hello]
    expectedSeconds: 1
    pull: { reference: '127.0.0.1:${port}/test/small:1.0', version: '1.0', files: [{ from: hello, to: hello }] }
  pull-test-program:
    build: go
    recipe: recipe
    module: example.com/none
    version: v1.0.0
    target: .
    outputs: [test]
    expectedSeconds: 1
    pull: { reference: '127.0.0.1:${closedPort}/test/small:1.0', version: '1.0', files: [{ from: hello, to: hello }] }
${['one', 'two'].map((name) => part(`released-${name}`, `127.0.0.1:${port}/test/${name === 'one' ? 'small' : 'none'}:1.0`).replace('    build', '    release: both\n    build')).join('')}`;
}

const events: PartEvent[] = [];

function maker(part: string, options: MakerOptions = {}): PartMaker {
  events.length = 0;
  return new PartMaker(versions, [part], { recipes: folder, onProgress: (event) => events.push(event), ...options });
}

const notes = (): string[] => events.flatMap(({ state, detail }) => (state === 'note' ? [detail ?? ''] : []));

describe('pulling from a registry', () => {
  it('takes the image that the digest names, and labels it as pulled', async () => {
    const ready = await maker('pull-test-pinned').ready('pull-test-pinned');
    expect(ready).toMatchObject({ origin: 'pull', version: '1.0', digest });
    const image = await inspectImage(ready.reference ?? '');
    expect(image?.labels).toMatchObject({ [imageLabels.origin]: 'pull', [imageLabels.owner]: 'meshwitness' });
    expect(ready.names).toEqual(['meshwitness.local/pull-test-pinned-inside:1.0']);
    expect(await fileIn(ready.reference ?? '', 'hello')).toBe('hello from the registry\n');
  });

  it('pulls nothing that is here', async () => {
    await maker('pull-test-pinned').ready('pull-test-pinned');
    expect(events).toEqual([]);
  });

  it('records the digest it saw where none is pinned', async () => {
    expect(await maker('pull-test-unpinned').ready('pull-test-unpinned')).toMatchObject({ origin: 'pull', digest });
  });

  it('takes files out of an image', async () => {
    const ready = await maker('pull-test-files').ready('pull-test-files');
    expect(ready).toMatchObject({ origin: 'pull', version: '1.0' });
    expect(await readFile(toolPath(ready, 'hello'), 'utf8')).toBe('hello from the registry\n');
  });

  it('puts a mirror in the place of the host', async () => {
    const ready = await maker('pull-test-mirrored', { mirror: `127.0.0.1:${port}` }).ready('pull-test-mirrored');
    expect(ready).toMatchObject({ origin: 'pull', digest });
  });

  it('builds when told to, though it could pull', async () => {
    const ready = await maker('pull-test-pinned', { source: 'build' }).ready('pull-test-pinned');
    expect(ready).toMatchObject({ origin: 'build', version: '0.1' });
    expect(await fileIn(ready.reference ?? '', 'built')).toContain('FROM scratch');
  });
});

describe('a pull that fails', () => {
  it.each([
    ['pull-test-wrong', /cannot pull .*building it instead/],
    ['pull-test-absent', /cannot pull .*building it instead/],
    ['pull-test-unreachable', /127\.0\.0\.1:\d+ cannot be reached: .*connection refused; building it instead/],
  ])('%s is built instead, with one line that says why', async (part, told) => {
    expect(await maker(part).ready(part)).toMatchObject({ origin: 'build', version: '0.1' });
    expect(notes()).toEqual([expect.stringMatching(told)]);
    expect(notes()[0]).not.toContain('\n');
  });

  it('is an error in one line where only pulling is allowed', async () => {
    const only = maker('pull-test-unreachable', { source: 'pull' }).ready('pull-test-unreachable');
    await expect(only).rejects.toMatchObject({ exitCode: 3, message: expect.stringMatching(/cannot be reached/) });
  });

  it('is an error in one line where building reaches no registry either', async () => {
    await writeFile(resolve(folder, 'recipe', 'go.mod'), 'module test\n\ngo 1.21\n\nrequire example.com/none v1.0.0\n');
    await writeFile(
      resolve(folder, 'recipe', 'main.go'),
      'package main\n\nimport _ "example.com/none"\n\nfunc main() {}\n',
    );
    await writeFile(
      resolve(folder, 'recipe', 'go.sum'),
      `example.com/none v1.0.0 h1:${'A'.repeat(43)}=\nexample.com/none v1.0.0/go.mod h1:${'A'.repeat(43)}=\n`,
    );
    vi.stubEnv('GOPROXY', `http://127.0.0.1:${closedPort}`);
    vi.stubEnv('GOTOOLCHAIN', 'local');
    try {
      await expect(maker('pull-test-program').ready('pull-test-program')).rejects.toMatchObject({
        exitCode: 3,
        message: expect.stringMatching(/^pull-test-program can neither be pulled nor built, no registry answers: .*$/),
        hint: expect.stringContaining('images load'),
      });
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('makes the whole release be built, so that its parts fit each other', async () => {
    const one = await maker('pull-test-released-one').ready('pull-test-released-one');
    expect(one.origin).toBe('build');
  });
});

describe('an image under our tag that is not the one we made', () => {
  it('is refused, with the command that makes it again', async () => {
    const { reference = '' } = await maker('pull-test-pinned').ready('pull-test-pinned');
    await docker(['build', '--label', `${imageLabels.owner}=meshwitness`, '--tag', reference, '-'], {
      input: `FROM ${reference}\nLABEL changed=yes\n`,
    });
    await expect(maker('pull-test-pinned').ready('pull-test-pinned')).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('was tampered with'),
      hint: './meshwitness images build --force pull-test-pinned',
    });
    const again = await maker('pull-test-pinned', { force: true, source: 'pull' }).ready('pull-test-pinned');
    expect(await maker('pull-test-pinned').ready('pull-test-pinned')).toEqual(again);
  });
});

describe('a file for a machine without registry', () => {
  it('brings image, files and records back', async () => {
    const parts = [
      await maker('pull-test-unpinned').ready('pull-test-unpinned'),
      await maker('pull-test-files').ready('pull-test-files'),
    ];
    const file = await saveParts(parts, resolve(folder, 'parts.tar'));
    await docker(['image', 'rm', '--force', parts[0]?.reference ?? '']);
    await rm(cache, { recursive: true, force: true });
    expect(await maker('pull-test-files').find('pull-test-files')).toBeUndefined();

    expect(await loadArchive(file)).toEqual({ parts: 2, images: 1 });
    expect(await maker('pull-test-unpinned').find('pull-test-unpinned')).toEqual(parts[0]);
    expect(await maker('pull-test-files').find('pull-test-files')).toEqual(parts[1]);
  });

  it('refuses a file of another kind', async () => {
    await expect(loadArchive(resolve(folder, 'versions.yaml'))).rejects.toMatchObject({ exitCode: 2 });
  });
});

async function startRegistry(): Promise<ChildProcess> {
  const program = await needTool('docker-registry');
  const config = resolve(folder, 'registry.yaml');
  await writeFile(
    config,
    JSON.stringify({
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: resolve(folder, 'data') } },
      http: { addr: `127.0.0.1:${port}` },
    }),
  );
  const child = spawn(program, ['serve', config], { stdio: 'ignore' });
  await until(
    'the registry',
    async () => {
      const { statusCode, body } = await request(`http://127.0.0.1:${port}/v2/`);
      await body.dump();
      return statusCode === 200 ? { done: true } : { seen: `status ${statusCode}` };
    },
    { timeoutMs: timeouts.engineStartMs },
  );
  return child;
}

/** Publishes an image with one file in it. Returns its digest. */
async function publish(name: string): Promise<string> {
  await writeFile(resolve(folder, 'hello'), 'hello from the registry\n');
  await run('tar', ['-C', folder, '-cf', resolve(folder, 'image.tar'), 'hello']);
  const reference = `127.0.0.1:${port}/test/${name}:1.0`;
  published = (await docker(['import', resolve(folder, 'image.tar'), reference])).trim();
  const pushed = await docker(['push', reference]);
  await docker(['image', 'rm', reference]);
  return /sha256:[0-9a-f]{64}/.exec(pushed)?.[0] ?? '';
}

async function fileIn(reference: string, file: string): Promise<string> {
  const container = (await docker(['create', reference, 'none'])).trim();
  try {
    await docker(['cp', `${container}:/${file}`, resolve(folder, 'taken')]);
    return await readFile(resolve(folder, 'taken'), 'utf8');
  } finally {
    await docker(['rm', container]);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  const listening = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  const address = server.address();
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  await closed.promise;
  return typeof address === 'object' && address ? address.port : 0;
}
