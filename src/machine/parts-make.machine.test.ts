import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { PartMaker, type MakerOptions } from '#machine/parts-make.ts';
import { toolPath, underWay } from '#machine/parts.ts';
import type { PartEvent } from '#machine/ready-part.ts';
import { loadVersions, type Versions } from '#machine/versions.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';

// Its own cache, named before anything reads where the cache is.
vi.hoisted(() => {
  process.env['XDG_CACHE_HOME'] = `${process.env['TMPDIR'] ?? '/tmp'}/meshwitness-parts-test-${process.pid}`;
});

const versionsText = `schema: 1
parts:
  first:
    build: script
    version: '1.0'
    outputs: [first]
    expectedSeconds: 1
  second:
    build: script
    version: '2.0'
    from: [first]
    outputs: [second]
    expectedSeconds: 1
`;
let folder: string;
let versions: Versions;

beforeEach(async () => {
  await rm(process.env['XDG_CACHE_HOME'] as string, { recursive: true, force: true });
  folder = await mkdtemp(resolve(tmpdir(), 'recipes-'));
  await writeFile(resolve(folder, 'versions.yaml'), versionsText);
  versions = await loadVersions(resolve(folder, 'versions.yaml'));
  await recipe('first', 'echo first-$PART_VERSION > "$2/first"');
  await recipe('second', 'cat "$1/first/first" > "$2/second"');
});

afterAll(() => rm(process.env['XDG_CACHE_HOME'] as string, { recursive: true, force: true }));

async function recipe(part: string, script: string): Promise<void> {
  await mkdir(resolve(folder, part), { recursive: true });
  await writeFile(resolve(folder, part, 'build.sh'), `set -eu\necho made >> ${folder}/${part}.log\n${script}\n`);
  await chmod(resolve(folder, part, 'build.sh'), 0o755);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const builds = async (part: string): Promise<number> =>
  (await readFile(resolve(folder, `${part}.log`), 'utf8').catch(() => '')).split('\n').length - 1;

function maker(options: MakerOptions = {}): PartMaker {
  return new PartMaker(versions, ['second'], { recipes: folder, ...options });
}

describe('parts that are built', () => {
  it('are made from those they need, and told of', async () => {
    const events: PartEvent[] = [];
    const second = await maker({ onProgress: (event) => events.push(event) }).ready('second');
    expect(await readFile(toolPath(second, 'second'), 'utf8')).toBe('first-1.0\n');
    expect(second).toMatchObject({ origin: 'build', version: '2.0' });
    expect(events.filter(({ state }) => state === 'ready').map(({ part }) => part)).toEqual(['first', 'second']);
  });

  it('are made once, and found again', async () => {
    await maker().ready('second');
    const events: PartEvent[] = [];
    await maker({ onProgress: (event) => events.push(event) }).ready('second');
    expect([await builds('first'), await builds('second'), events]).toEqual([1, 1, []]);
  });

  it('are made once by two runs at the same time', async () => {
    const [one, other] = await Promise.all([maker().ready('second'), maker().ready('second')]);
    expect(one).toEqual(other);
    expect([await builds('first'), await builds('second')]).toEqual([1, 1]);
  });

  it('are found when their release is called as a part that they are made from', async () => {
    const published =
      "release: first\n    pull: { reference: 'a/b:1', version: '1', files: [{ from: b, to: second }] }";
    await writeFile(
      resolve(folder, 'versions.yaml'),
      versionsText.replace('from: [first]', `from: [first]\n    ${published}`),
    );
    versions = await loadVersions(resolve(folder, 'versions.yaml'));
    const made = await maker({ source: 'build' }).ready('second');
    expect(await maker().ready('second')).toEqual(made);
  });

  it('are made again when a recipe below them changes', async () => {
    const before = await maker().ready('second');
    await recipe('first', 'echo changed > "$2/first"');
    const after = await maker().ready('second');
    expect(after.hash).not.toBe(before.hash);
    expect(await readFile(toolPath(after, 'second'), 'utf8')).toBe('changed\n');
  });

  it('are made again when a file of theirs is gone', async () => {
    const { path = '' } = await maker().ready('first');
    await rm(resolve(path, 'first'));
    expect(await maker().find('first')).toBeUndefined();
    await maker().ready('first');
    expect(await builds('first')).toBe(2);
  });

  it('are kept in their last three contents', async () => {
    const made = [];
    for (const content of ['a', 'b', 'c', 'd']) {
      await recipe('first', `echo ${content} > "$2/first"`);
      made.push(await maker().ready('first'));
    }
    const left = made.map(({ path = '' }) => existsSync(path));
    expect(left).toEqual([false, true, true, true]);
  });

  it('are made again by force, and only those named', async () => {
    await maker().ready('second');
    await maker({ force: true }).ready('second');
    expect([await builds('first'), await builds('second')]).toEqual([1, 2]);
  });
});

describe('parts under way', () => {
  it('can be used while others are still made', async () => {
    await recipe('second', `while [ ! -e ${folder}/go ]; do sleep 0.05; done; cat "$1/first/first" > "$2/second"`);
    await using making = underWay(['first', 'second'], (signal) => maker({ signal }));
    const first = await making.ready(['first']);
    expect(first.get('first')?.version).toBe('1.0');
    expect(await maker().find('second')).toBeUndefined();
    await writeFile(resolve(folder, 'go'), '');
    const all = await making.ready();
    expect([...all.keys()]).toEqual(['first', 'second']);
  });

  it('end, with what waits for their signal, when one cannot be made', async () => {
    await recipe('second', 'echo "error: out of luck" >&2; exit 7');
    await using making = underWay(['first', 'second'], (signal) => maker({ signal }));
    await making.ready(['first']);
    await expect(making.ready()).rejects.toThrow('out of luck');
    expect(making.signal.reason).toMatchObject({ message: expect.stringContaining('out of luck') });
  });

  it('end when nobody needs them any more', async () => {
    await recipe('second', `echo $$ > ${folder}/pid; exec tail -f /dev/null`);
    const making = underWay(['second'], (signal) => maker({ signal }));
    const started = async () => ({ done: Number(await readFile(resolve(folder, 'pid'), 'utf8')) });
    const pid = await until('the build to start', started, { timeoutMs: timeouts.probeMs });
    await making[Symbol.asyncDispose]();
    const gone = async () => (isAlive(pid) ? { seen: 'alive' } : { done: true });
    await until('the process to be gone', gone, { timeoutMs: timeouts.probeMs });
    expect(making.signal.aborted).toBe(true);
  });
});

describe('an interrupted build', () => {
  it('ends its processes, keeps what was finished, and resumes at the part that was cut', async () => {
    await recipe('second', `echo $$ > ${folder}/pid; sh -c 'echo $$ > ${folder}/child; exec tail -f /dev/null'`);
    const stop = new AbortController();
    const cut = maker({ signal: stop.signal }).ready('second');
    const child = await until(
      'the build to start',
      async () => ({ done: Number(await readFile(resolve(folder, 'child'), 'utf8')) }),
      { timeoutMs: timeouts.probeMs },
    );
    stop.abort(new Error('interrupted'));
    await expect(cut).rejects.toThrow('interrupted');
    // It ended with the group; whoever adopted it may need a moment to take notice.
    await until('the process to be gone', () => Promise.resolve(isAlive(child) ? { seen: 'alive' } : { done: true }), {
      timeoutMs: timeouts.probeMs,
    });
    expect(await maker().find('second')).toBeUndefined();

    await recipe('second', 'cat "$1/first/first" > "$2/second"');
    await maker().ready('second');
    expect([await builds('first'), await builds('second')]).toEqual([1, 2]);
  });

  it('fails in one line with the log of what failed', async () => {
    await recipe('first', 'echo "some output"; echo "error: out of luck" >&2; exit 7');
    await expect(maker().ready('second')).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/exit 7.*out of luck/),
      hint: expect.stringContaining('first.log'),
    });
  });
});
