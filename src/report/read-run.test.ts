import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '#support/errors.ts';
import { readRun } from '#report/read-run.ts';
import { copyRun, edit } from '#report/testdata/copy.ts';

const refused = (dir: string): Promise<unknown> =>
  readRun(dir).then(
    () => 'nothing was thrown',
    (error: unknown) => error,
  );

describe('readRun', () => {
  it('reads the recorded run with all its evidence', async () => {
    const run = await readRun(await copyRun());
    expect(run.lines).toHaveLength(10);
    expect(run.evidence.size).toBe(9);
    expect(run.truncated).toBe(false);
  });

  it('leaves out half a line at the end, as a kill leaves it', async () => {
    const dir = await copyRun();
    await appendFile(join(dir, 'verdicts.ndjson'), '{"schema":1,"id":"GS-0');
    const run = await readRun(dir);
    expect(run.lines).toHaveLength(10);
    expect(run.truncated).toBe(true);
  });

  it('takes the later of two lines of one check, twin and product', async () => {
    const dir = await copyRun();
    const first = (await readRun(dir)).lines[0];
    await appendFile(join(dir, 'verdicts.ndjson'), `${JSON.stringify({ ...first, reason: 'decided again' })}\n`);
    const { lines } = await readRun(dir);
    expect(lines).toHaveLength(10);
    expect(lines[0]?.reason).toBe('decided again');
  });

  it.each([
    ['run.json', '"schema": 1,\n  "run"', '"schema": 7,\n  "run"', /^run\.json: found schema version 7, expected 1$/],
    ['run.json', '"command"', '"comand"', /^run\.json: command: /],
    ['run.json', '"products": [', '"products": [[', /^run\.json: not JSON: /],
    ['verdicts.ndjson', '"id": "GS-06", "verdict": "fail"', '"id": "GS-06", "verdict": "bad"', /ndjson:6: verdict: /],
    ['verdicts.ndjson', '{"schema": 1, "id": "GS-06", "verdict": "fail"', '{"sch', /^verdicts\.ndjson:6: not JSON: /],
    [
      'verdicts.ndjson',
      '{"schema": 1, "id": "IM-02", "verdict": "uns',
      '{"schema": 2, "id": "IM-02", "verdict": "uns',
      /:10: found schema version 2, expected 1$/,
    ],
    ['verdicts.ndjson', 'evidence/GS-06@istio-older.json', '../../etc/passwd', /outside the run folder/],
    [
      'evidence/GS-02@istio-current.json',
      '"schema": 1',
      '"schema": 3',
      /^evidence\/GS-02@istio-current\.json: found schema version 3, expected 1$/,
    ],
  ])('refuses a malformed %s (%s → %s) in one line', async (file, from, to, message) => {
    const dir = await copyRun();
    await edit(dir, file, from, to);
    const error = await refused(dir);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).message).toMatch(message);
    expect((error as UsageError).message).not.toContain('\n');
    expect((error as UsageError).exitCode).toBe(2);
  });

  it('refuses a folder without run.json, and one that lacks evidence', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'report-empty-'));
    expect(await refused(empty)).toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('not a report folder'),
    });
    const dir = await copyRun();
    await rm(join(dir, 'evidence/GS-06@istio-current.json'));
    expect(await refused(dir)).toMatchObject({
      message: expect.stringContaining('GS-06@istio-current.json is absent'),
    });
  });

  it('redacts what was written elsewhere without it', async () => {
    const dir = await copyRun();
    await edit(dir, 'evidence/GS-02@istio-current.json', '"content-type": "text/plain"', '"cookie": "sid=s3cr3tvalue"');
    expect(JSON.stringify([...(await readRun(dir)).evidence])).not.toContain('s3cr3tvalue');
  });

  it('reads a run that was killed before its first verdict', async () => {
    const dir = await copyRun();
    await writeFile(join(dir, 'verdicts.ndjson'), '');
    expect((await readRun(dir)).lines).toEqual([]);
    await rm(join(dir, 'verdicts.ndjson'));
    expect((await readRun(dir)).lines).toEqual([]);
  });
});
