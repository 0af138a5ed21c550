import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as labs from '#lab/record.ts';
import { UsageError } from '#support/errors.ts';
import { paths } from '#support/paths.ts';

const { labs: ours } = paths;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labs-'));
  Object.assign(paths, { labs: folder });
});
afterAll(async () => {
  Object.assign(paths, { labs: ours });
  await rm(folder, { recursive: true, force: true });
});

const record: labs.LabRecord = {
  schema: 1,
  name: 'dev',
  topology: 'solo',
  hash: '0123456789abcdef',
  nodeImage: 'node:1',
  createdAt: '2026-11-21T06:27:22.890Z',
  complete: true,
};

describe('the record of a lab', () => {
  it('is read as it was written, and leaves no other file', async () => {
    await labs.writeLab(record);
    expect(await labs.readLab('dev')).toEqual(record);
    expect(await readdir(labs.labFolder('dev'))).toEqual(['lab.json']);
    expect(labs.labFolder('dev')).toContain(folder);
  });

  it('of a lab that never was is none', async () => {
    expect(await labs.readLab('never')).toBeUndefined();
  });

  it.each([
    ['cut in the middle', JSON.stringify(record).slice(0, 40)],
    ['of another schema', JSON.stringify({ ...record, schema: 2 })],
  ])('%s counts as none: the lab is replaced', async (_, text) => {
    await mkdir(labs.labFolder('odd'), { recursive: true });
    await writeFile(join(labs.labFolder('odd'), 'lab.json'), text);
    expect(await labs.readLab('odd')).toBeUndefined();
  });

  it('goes with the whole folder', async () => {
    await labs.writeLab({ ...record, name: 'gone' });
    expect(await labs.recordedLabs()).toContain('gone');
    await labs.forgetLab('gone');
    expect(await labs.recordedLabs()).not.toContain('gone');
  });
});

describe('the name of a lab', () => {
  it.each(['dev', 'a', 'lab-2', 'default'])('%s is one', (name) => {
    expect(() => labs.checkLabName(name)).not.toThrow();
  });

  it.each(['', '../other', 'Dev', '2nd', 'a b', 'x'.repeat(31)])('"%s" is none', (name) => {
    expect(() => labs.checkLabName(name)).toThrow(expect.objectContaining({ exitCode: new UsageError('').exitCode }));
  });
});
