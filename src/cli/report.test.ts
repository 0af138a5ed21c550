import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { reportCommand } from '#cli/report.ts';
import { copyRun, edit } from '#report/testdata/copy.ts';

afterEach(() => vi.restoreAllMocks());

describe('report DIR', () => {
  it('writes every report of a folder copied from elsewhere, and prints where they are', async () => {
    const dir = await copyRun();
    const printed = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    await reportCommand().parseAsync([dir], { from: 'user' });
    const files = ['index.html', 'junit.xml', 'conformance.yaml'].map((file) => join(dir, file));
    expect(printed.mock.calls.map(([text]) => text).join('')).toBe(`${files.join('\n')}\n`);
    for (const file of [...files, join(dir, 'allure-results')]) expect(existsSync(file)).toBe(true);
  });

  it('refuses a folder of another schema version and writes nothing', async () => {
    const dir = await copyRun();
    await edit(dir, 'verdicts.ndjson', '{"schema": 1, "id": "IM-02"', '{"schema": 9, "id": "IM-02"');
    await expect(reportCommand().parseAsync([dir], { from: 'user' })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/^verdicts\.ndjson:\d+: found schema version 9, expected 1$/),
    });
    expect(existsSync(join(dir, 'index.html'))).toBe(false);
  });
});
