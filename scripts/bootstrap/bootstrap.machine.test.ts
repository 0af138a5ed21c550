import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { stampOf } from './dependencies.mjs';

const bundler = resolve(import.meta.dirname, '../../node_modules/rolldown');
const lockfile = JSON.stringify({ lockfileVersion: 3, packages: { '': {}, 'node_modules/a': { version: '1.0.0' } } });
let clone: string;
let cache: string;

/** A clone with the bootstrap in it, a program to hand over to, and an npm that notes how it was called. */
beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mw-bootstrap-'));
  [clone, cache] = [join(folder, 'clone'), join(folder, 'cache')];
  await mkdir(join(clone, 'node_modules'), { recursive: true });
  await mkdir(join(clone, 'bin'));
  await cp(import.meta.dirname, join(clone, 'scripts/bootstrap'), { recursive: true });
  await cp(resolve(import.meta.dirname, '../bootstrap.mjs'), join(clone, 'scripts/bootstrap.mjs'));
  await writeFile(join(clone, 'package-lock.json'), lockfile);
  await writeFile(join(clone, 'bin/npm'), `#!/bin/sh\necho "$1" >> ${clone}/npm-calls\n`, { mode: 0o755 });
  await writeFile(join(clone, 'entry.ts'), `const args: string[] = process.argv.slice(2);\nconsole.log(...args);\n`);
});

afterEach(() => rm(resolve(clone, '..'), { recursive: true, force: true }));

const start = (...args: string[]) => run(process.execPath, [join(clone, 'scripts/bootstrap.mjs'), ...args]);

function run(program: string, args: string[], more: NodeJS.ProcessEnv = {}): ChildProcess & { said: string } {
  const env = { PATH: `${clone}/bin:${process.env.PATH ?? ''}`, HOME: cache, XDG_CACHE_HOME: cache, ...more };
  const child = spawn(program, args, { env });
  const watched = Object.assign(child, { said: '' });
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (watched.said += String(text)));
  return watched;
}

const ended = async (child: ChildProcess): Promise<number> => ((await once(child, 'close')) as [number])[0];
/** Gives the clone a command line, and what bundles its libraries. */
async function makeCommandLine(main = '', dependencies: Record<string, string> = {}): Promise<void> {
  await mkdir(join(clone, 'src/cli'), { recursive: true });
  await writeFile(join(clone, 'src/cli/main.ts'), main);
  await writeFile(join(clone, 'package.json'), JSON.stringify({ type: 'module', dependencies }));
  await symlink(bundler, join(clone, 'node_modules/rolldown'));
}
const npmCalls = async (): Promise<string[]> =>
  (await readFile(join(clone, 'npm-calls'), 'utf8').catch(() => '')).split('\n').filter(Boolean);

describe('bootstrap', () => {
  it('installs the packages once, and hands arguments over', async () => {
    const first = start('entry.ts', 'one', '--two');
    expect(await ended(first)).toBe(0);
    expect(first.said).toContain('installing npm packages');
    expect(first.said).toContain('one --two');
    const second = start('entry.ts', 'again');
    expect(await ended(second)).toBe(0);
    expect(second.said).toBe('again\n');
    expect(await npmCalls()).toEqual(['ci']);
  });

  it('installs them again when package-lock.json has changed', async () => {
    await ended(start('entry.ts'));
    await writeFile(join(clone, 'package-lock.json'), lockfile.replace('1.0.0', '1.0.1'));
    await ended(start('entry.ts'));
    expect(await npmCalls()).toEqual(['ci', 'ci']);
  });

  it('adds what tests and linters take to the packages of a run, which may be under way', async () => {
    const started = async (entry: string) => expect(await ended(start(entry))).toBe(0);
    await makeCommandLine();
    const packages = { 'node_modules/a': { version: '1.0.0' } };
    const record = JSON.stringify({ packages });
    const more = { 'node_modules/b': { version: '2.0.0', dev: true } };
    await writeFile(join(clone, 'package-lock.json'), JSON.stringify({ packages: { ...packages, ...more } }));
    await writeFile(
      join(clone, 'bin/npm'),
      `#!/bin/sh\necho "$1 $2 $3" >> ${clone}/npm-calls\necho '${record}' > node_modules/.package-lock.json\n`,
      { mode: 0o755 },
    );
    await started('src/cli/main.ts');
    await started('src/cli/main.ts');
    await started('entry.ts');
    await started('src/cli/main.ts');
    expect(await npmCalls()).toEqual([
      expect.stringContaining('ci --omit=dev'),
      expect.stringContaining('install --no-save --include=dev'),
    ]);
  });

  it('keeps those of tests and linters, where they are, when package-lock.json changes', async () => {
    const record = { packages: { 'node_modules/b': { version: '2.0.0', dev: true } } };
    await writeFile(join(clone, 'node_modules/.package-lock.json'), JSON.stringify(record));
    await writeFile(join(clone, 'bin/npm'), `#!/bin/sh\necho "$1 $2" >> ${clone}/npm-calls\n`, { mode: 0o755 });
    await makeCommandLine();
    expect(await ended(start('src/cli/main.ts'))).toBe(0);
    expect(await npmCalls()).toEqual(['ci --include=dev']);
  });

  it('takes what npm already installed as it is', async () => {
    const record = { packages: { 'node_modules/a': { version: '1.0.0' } } };
    await writeFile(join(clone, 'node_modules/.package-lock.json'), JSON.stringify(record));
    expect(await ended(start('entry.ts'))).toBe(0);
    expect(await npmCalls()).toEqual([]);
    expect(await readFile(join(clone, 'node_modules/.meshwitness/stamp'), 'utf8')).toBe(stampOf(lockfile));
  });

  it('lets one of two starts at once install, and the other wait for it', async () => {
    await writeFile(join(clone, 'bin/npm'), `#!/bin/sh\nsleep 1\necho "$1" >> ${clone}/npm-calls\n`, { mode: 0o755 });
    const both = [start('entry.ts', 'x'), start('entry.ts', 'x')];
    expect(await Promise.all(both.map(ended))).toEqual([0, 0]);
    expect(await npmCalls()).toEqual(['ci']);
    expect(both.map(({ said }) => said).join('')).toContain('waiting for another start');
  });

  it('takes over from a start that was killed, once its npm has ended', async () => {
    await writeFile(join(clone, 'bin/npm'), `#!/bin/sh\necho "$1" >> ${clone}/npm-calls\nexec sleep 1\n`, {
      mode: 0o755,
    });
    const first = start('entry.ts');
    await vi.waitFor(async () => expect(await npmCalls()).toEqual(['ci']), 5000);
    first.kill('SIGKILL');
    await once(first, 'exit');
    await writeFile(join(clone, 'bin/npm'), `#!/bin/sh\necho "$1" >> ${clone}/npm-calls\n`, { mode: 0o755 });
    const second = start('entry.ts');
    expect(await ended(second)).toBe(0);
    expect(second.said).toContain('waiting for another start');
    expect(await npmCalls()).toEqual(['ci', 'ci']);
  });

  it.each([
    ['npm error code ENOTFOUND', 'the npm registry cannot be reached (ENOTFOUND)'],
    ['npm error Missing: left-pad from lock file', 'Missing: left-pad from lock file'],
  ])('says in one line why npm failed: %s', async (complaint, told) => {
    await writeFile(join(clone, 'bin/npm'), `#!/bin/sh\necho "${complaint}" >&2; exit 1\n`, { mode: 0o755 });
    const child = start('entry.ts');
    expect(await ended(child)).toBe(3);
    expect(child.said.trimEnd().split('\n').at(-1)).toContain(`cannot install the npm packages: ${told}`);
  });

  it('says that npm is missing', async () => {
    const env = { PATH: '/nonexistent', HOME: cache, XDG_CACHE_HOME: cache };
    const child = spawn(process.execPath, [join(clone, 'scripts/bootstrap.mjs'), 'entry.ts'], { env });
    let said = '';
    child.stderr.on('data', (text: Buffer) => (said += String(text)));
    expect(await ended(child)).toBe(3);
    expect(said).toContain('npm is missing');
  });

  it('passes the exit code on, and a signal in', async () => {
    await writeFile(join(clone, 'entry.ts'), 'process.exit(7);');
    expect(await ended(start('entry.ts'))).toBe(7);
    await writeFile(
      join(clone, 'entry.ts'),
      `process.on('SIGINT', () => process.exit(130)); process.on('SIGTERM', () => process.exit(9));
       setInterval(() => {}, 1000); console.log('up');`,
    );
    const child = start('entry.ts');
    await once(child.stdout ?? child, 'data');
    child.kill('SIGINT');
    expect(await ended(child)).toBe(130);
  });

  it('ends with 130 when the program does not handle Ctrl-C', async () => {
    await writeFile(join(clone, 'entry.ts'), `setInterval(() => {}, 1000); console.log('up');`);
    const child = start('entry.ts');
    await once(child.stdout ?? child, 'data');
    child.kill('SIGINT');
    expect(await ended(child)).toBe(130);
  });
});

describe('launcher', () => {
  /** What the command line of the clone prints: what it was started with, and where its library was read from. */
  async function launched(env: NodeJS.ProcessEnv = {}) {
    const child = run(join(clone, 'meshwitness'), [], env);
    expect({ code: await ended(child), said: child.said }).toMatchObject({ code: 0 });
    const [, pid, flags = '', library = ''] = /^(\d+) (.*) (\S+)$/m.exec(child.said) ?? [];
    return { itself: Number(pid) === child.pid, flags, library, said: child.said };
  }

  const bundled = () => join(clone, 'node_modules/.meshwitness/libraries');

  beforeEach(async () => {
    await cp(resolve(import.meta.dirname, '../../meshwitness'), join(clone, 'meshwitness'));
    const main = `import where from 'where'; console.log(process.pid, process.execArgv.join(' '), where);`;
    await makeCommandLine(main, { where: '1.0.0' });
    await mkdir(join(clone, 'node_modules/where'));
    await writeFile(join(clone, 'node_modules/where/package.json'), JSON.stringify({ main: 'where.mjs' }));
    await writeFile(join(clone, 'node_modules/where/where.mjs'), 'export default import.meta.url;');
  });

  it('starts the Node.js that was found before, with the same flags and no process between', async () => {
    const first = await launched();
    expect(first.flags).toContain('--max-old-space-size=');
    expect(await launched()).toMatchObject({ itself: true, flags: first.flags });
    await rm(join(clone, 'node_modules/.meshwitness/node'));
    await symlink('/nowhere/node', join(clone, 'node_modules/.meshwitness/node'));
    expect(await launched()).toMatchObject({ itself: false, flags: first.flags });
    expect(await launched()).toMatchObject({ itself: true });
  });

  it('bundles the libraries once, and reads them from there', async () => {
    const first = await launched();
    expect(first.said).toContain('bundling the libraries');
    expect(first.library).toContain('.meshwitness/libraries/where.mjs');
    const second = await launched();
    expect(second.said).not.toContain('bundling');
    expect(second.library).toBe(first.library);
    expect((await launched({ MESHWITNESS_DEBUG: '1' })).library).toContain('node_modules/where/where.mjs');
  });

  it('bundles them anew when a file of theirs is gone, or the packages are others', async () => {
    const { library } = await launched();
    await rm(join(bundled(), 'where.mjs'));
    expect(await launched()).toMatchObject({ library, said: expect.stringContaining('bundling') });
    await writeFile(join(clone, 'package-lock.json'), lockfile.replace('1.0.0', '1.0.1'));
    expect(await launched()).toMatchObject({ library, said: expect.stringContaining('bundling') });
  });

  it('does without the bundle, and does not try again, when it cannot be made', async () => {
    await rm(join(clone, 'node_modules/rolldown'));
    const first = await launched();
    expect(first.library).toContain('node_modules/where/where.mjs');
    expect((await launched()).said).not.toContain('bundling');
  });

  it('starts as well where nothing can be kept in node_modules', async () => {
    await writeFile(join(clone, 'node_modules/.meshwitness'), 'in the way');
    expect(await launched()).toMatchObject({ itself: false, library: expect.stringContaining('where/where.mjs') });
  });

  it('lets two starts at once make one bundle', async () => {
    const both = await Promise.all([launched(), launched()]);
    expect(both.map(({ library }) => library)).toEqual(both.map(() => expect.stringContaining('/libraries/where.mjs')));
    expect(both.filter(({ said }) => said.includes('bundling'))).toHaveLength(1);
  });
});
