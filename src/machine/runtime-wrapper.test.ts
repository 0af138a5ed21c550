import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { paths } from '#support/paths.ts';

const wrapper = resolve(paths.kind, 'host/runc-without-sys-resource');
const run = promisify(execFile);
let folder: string;

const sets = ['bounding', 'effective', 'inheritable', 'permitted', 'ambient'] as const;
type Sets = Partial<Record<(typeof sets)[number], string[]>>;

/** As dockerd 20.10 writes config.json for a privileged container, without what does not matter here. */
const config = (capabilities: Sets) => ({
  ociVersion: '1.0.2-dev',
  process: { args: ['sh', 'CAP_SYS_RESOURCE'], env: ['SAID="bounding":["CAP_SYS_RESOURCE"]'], capabilities },
  mounts: [{ destination: '/proc', type: 'proc', options: ['nosuid', 'CAP_SYS_RESOURCE'] }],
});

/** A folder with a bundle, and a runc that prints its arguments one a line. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mw wrapper-'));
  await mkdir(join(folder, 'bundle'));
  await writeFile(join(folder, 'runc'), '#!/bin/sh\nprintf "%s\\n" "$@"\n', { mode: 0o755 });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const call = async (args: string[], cwd = folder): Promise<string[]> =>
  (await run(wrapper, args, { cwd, env: { PATH: `${folder}:/usr/bin:/bin` } })).stdout.split('\n').slice(0, -1);
const write = (file: string, content: unknown, indent = 0): Promise<void> =>
  writeFile(join(folder, file), JSON.stringify(content, null, indent));
const read = async (file: string): Promise<unknown> =>
  JSON.parse(await readFile(join(folder, file), 'utf8')) as unknown;

const all = ['CAP_CHOWN', 'CAP_SYS_RESOURCE', 'CAP_SYS_TIME'];
const rest = ['CAP_CHOWN', 'CAP_SYS_TIME'];
const full: Sets = Object.fromEntries(sets.map((set) => [set, all]));
const dropped: Sets = Object.fromEntries(sets.map((set) => [set, rest]));

describe('what the wrapper drops', () => {
  it.each([
    ['first', ['CAP_SYS_RESOURCE', 'CAP_CHOWN'], ['CAP_CHOWN']],
    ['last', ['CAP_CHOWN', 'CAP_SYS_RESOURCE'], ['CAP_CHOWN']],
    ['alone', ['CAP_SYS_RESOURCE'], []],
    ['twice', ['CAP_SYS_RESOURCE', 'CAP_CHOWN', 'CAP_SYS_RESOURCE'], ['CAP_CHOWN']],
    ['absent', ['CAP_SYS_RESOURCES', 'CAP_CHOWN'], ['CAP_SYS_RESOURCES', 'CAP_CHOWN']],
    ['in an empty set', [], []],
  ])('is the one capability, %s, in compact and in indented JSON', async (_, before, after) => {
    for (const indent of [0, 2]) {
      await write('bundle/config.json', config({ bounding: before, permitted: all }), indent);
      await call(['create', '--bundle', 'bundle', 'id']);
      expect(await read('bundle/config.json')).toEqual(config({ bounding: after, permitted: rest }));
    }
  });

  it('is not the same words in arguments, variables or mounts', async () => {
    await write('bundle/config.json', config(full));
    await call(['run', '-b', 'bundle', 'id']);
    expect(await read('bundle/config.json')).toEqual(config(dropped));
  });
});

describe('where the wrapper looks', () => {
  it.each([
    [
      [
        '--root',
        '/run/x',
        '--log',
        'l',
        '--log-format',
        'json',
        'create',
        '--bundle',
        'bundle',
        '--pid-file',
        'p',
        'id',
      ],
    ],
    [['--root=/run/x', '--systemd-cgroup', 'create', '--bundle=bundle', '--console-socket', 's', 'id']],
    [['--debug', 'run', '-b=bundle', '--no-pivot', 'id']],
    [['run', '--keep', '-bundle', 'bundle', 'id']],
    [['restore', '--detach', '--image-path', 'exec', '--bundle', 'bundle', 'id']],
    [['create', '--pid-file', '--bundle', '--bundle', 'bundle', 'id']],
  ])('for the bundle: %j', async (args) => {
    await write('bundle/config.json', config(full));
    expect(await call(args)).toEqual(args);
    expect(await read('bundle/config.json')).toEqual(config(dropped));
  });

  it('for the bundle in the current folder, when none is named', async () => {
    await write('bundle/config.json', config(full));
    expect(await call(['create', 'id'], join(folder, 'bundle'))).toEqual(['create', 'id']);
    expect(await read('bundle/config.json')).toEqual(config(dropped));
  });

  it.each([
    [['--root', 'r', 'exec', '--process', 'a process', '--console-socket', 's', '--detach', 'id']],
    [['exec', '--tty', '-p', 'a process', 'id']],
    [['exec', '--cwd', '/', '--process=a process', 'id', 'sh']],
  ])('for the process: %j', async (args) => {
    await write('a process', { args: ['sh'], capabilities: full });
    expect(await call(args)).toEqual(args);
    expect(await read('a process')).toEqual({ args: ['sh'], capabilities: dropped });
  });

  it.each([
    [['exec', 'id', 'tool', '--process', 'a process']],
    [['exec', '--', 'id', '--process', 'a process']],
    [['exec', '--env', '--process=x', 'id', '-p', 'a process']],
    [['state', '--bundle', 'bundle', 'id']],
    [['kill', 'id', 'TERM']],
    [['--version']],
  ])('nowhere, where the arguments belong to somebody else: %j', async (args) => {
    await write('a process', { capabilities: full });
    await write('bundle/config.json', config(full));
    expect(await call(args)).toEqual(args);
    expect(await read('a process')).toEqual({ capabilities: full });
    expect(await read('bundle/config.json')).toEqual(config(full));
  });
});
