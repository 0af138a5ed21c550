import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { paths } from '#support/paths.ts';
import {
  loadCatalogue,
  loadChecks,
  parseShard,
  select,
  selectOne,
  shardOf,
  type CataloguedCheck,
} from '#verdict/catalogue.ts';

let checks: CataloguedCheck[];
beforeAll(async () => {
  checks = await loadCatalogue();
});

const ids = (chosen: readonly { id: string }[]): string[] => chosen.map(({ id }) => id);

describe('the catalogue', () => {
  it('has every check of the suites, in order of their ids', () => {
    expect(ids(checks)).toEqual(expect.arrayContaining(['GS-01', 'GS-02', 'IM-02']));
    expect(ids(checks)).toEqual(ids(checks).toSorted());
  });

  it('gives each check a twin whose name is its own within the check', () => {
    for (const { id, twins } of checks.filter(({ level }) => level !== 'roadmap')) {
      expect(twins.length, `${id} has no twin`).toBeGreaterThan(0);
      expect(new Set(twins.map(({ name }) => name)).size).toBe(twins.length);
    }
  });

  it('refuses two checks of one id, and a file without a check', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mw-suites-'));
    await writeFile(join(folder, 'a.check.ts'), 'export const nothing = 1;');
    await expect(loadCatalogue(folder)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('no check as its default export'),
    });
    for (const name of ['a', 'b'])
      await writeFile(join(folder, `${name}.check.ts`), "export default { id: 'X-1', judge: () => [] };");
    const again = await mkdtemp(join(tmpdir(), 'mw-suites-'));
    for (const name of ['c', 'd'])
      await writeFile(join(again, `${name}.check.ts`), "export default { id: 'X-1', judge: () => [] };");
    await expect(loadCatalogue(again)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('both claim the id X-1'),
    });
  });

  it('is read in part when all that is asked for is ids, by the names of the files', async () => {
    for (const { id } of checks) expect(ids(await loadChecks([id.toLowerCase()]))).toEqual([id]);
    expect(ids(await loadChecks(['IM-02', 'GS-02']))).toEqual(['GS-02', 'IM-02']);
    for (const words of [[], ['mtls'], ['GS-02', 'mtls'], ['GS-02', 'GS-99'], ['gs']])
      expect(await loadChecks(words)).toEqual(checks);
  });

  it('is read without the Kubernetes client, which takes longer than a list may', async () => {
    const script = `
      import { registerHooks } from 'node:module';
      registerHooks({ resolve(specifier, context, next) {
        if (specifier.startsWith('@kubernetes/')) console.log(context.parentURL);
        return next(specifier, context);
      } });
      const { loadCatalogue } = await import('#verdict/catalogue.ts');
      await loadCatalogue();`;
    const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: paths.root });
    expect(stdout).toBe('');
  });
});

describe('select', () => {
  it('takes ids however they are written, and each check once', () => {
    expect(ids(select(checks, ['gs-02', 'GS-02']))).toEqual(['GS-02']);
  });

  it('takes tags, systems and levels', () => {
    expect(ids(select(checks, ['outage']))).toContain('GS-02');
    expect(ids(select(checks, ['istio-mesh'])).every((id) => id.startsWith('IM-'))).toBe(true);
    expect(select(checks, ['core'])).toEqual(checks.filter(({ level }) => level === 'core'));
  });

  it('takes the core without words, the headlines as smoke, all as full', () => {
    expect(select(checks, [])).toEqual(checks.filter(({ level }) => level === 'core'));
    expect(ids(select(checks, [], 'smoke'))).toContain('GS-02');
    expect(select(checks, [], 'smoke').length).toBeLessThan(checks.length);
    expect(select(checks, [], 'full')).toEqual(checks);
  });

  it('chooses by words within a profile, and says when nothing is left', () => {
    expect(ids(select(checks, ['gateway-switch'], 'smoke')).every((id) => id.startsWith('GS-'))).toBe(true);
    expect(() => select(checks, ['GS-01'], 'smoke')).toThrow('profile smoke has none of: GS-01');
  });

  it.each([
    ['GS-2', 'did you mean GS-02?'],
    ['outtage', 'did you mean outage?'],
    ['something-else-entirely', './meshwitness list'],
  ])('refuses %s', (word, hint) => {
    expect(() => select(checks, ['GS-02', word])).toThrow(
      expect.objectContaining({ exitCode: 2, hint, message: `no check and no tag is called "${word}"` }),
    );
  });
});

describe('selectOne', () => {
  it('finds an id however it is written, else names the nearest', () => {
    expect(selectOne(checks, 'gs-02').id).toBe('GS-02');
    expect(() => selectOne(checks, 'GS-0')).toThrow(expect.objectContaining({ exitCode: 2 }));
    expect(() => selectOne(checks, 'outage')).toThrow('no check is called "outage"');
  });
});

describe('shards', () => {
  it('hold every check once between them', () => {
    const shards = [1, 2, 3].map((index) => shardOf(checks, { index, count: 3 }));
    expect(ids(shards.flat()).toSorted()).toEqual(ids(checks));
  });

  it.each(['0/3', '4/3', '1', '1/0', 'a/b', '1/2/3', '-1/2'])('are not %s', (text) => {
    expect(() => parseShard(text)).toThrow(expect.objectContaining({ exitCode: 2 }));
  });

  it('are written i/n', () => expect(parseShard('2/3')).toEqual({ index: 2, count: 3 }));
});
