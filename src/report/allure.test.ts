import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { paths } from '#support/paths.ts';
import { allureWriter, writeAllureResults } from '#report/allure.ts';
import { readRun, type Run } from '#report/read-run.ts';
import { describe as descriptionOf } from '#report/summary.ts';
import { copyRun } from '#report/testdata/copy.ts';

const run = promisify(execFile);
const program = (name: string): string => join(paths.root, 'node_modules', name);
/** A program that runs once and briefly has nothing of what Java does to become fast. */
const brief = { ...process.env, JAVA_OPTS: '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' };
const java = await run('java', ['-version']).then(
  () => true,
  () => false,
);

let recorded: Run;
beforeAll(async () => {
  recorded = await readRun(await copyRun());
  await writeAllureResults(recorded);
});

interface Written {
  name: string;
  status: string;
  steps: Array<{ status: string }>;
  attachments: Array<{ source: string }>;
  labels: Array<{ name: string; value: string }>;
}
async function results(dir: string): Promise<Written[]> {
  const names = (await readdir(join(dir, 'allure-results'))).filter((name) => name.endsWith('-result.json'));
  return Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(dir, 'allure-results', name), 'utf8')) as Written),
  );
}

describe('Allure results', () => {
  it('are one a verdict line, with the status that the verdict means', async () => {
    const all = await results(recorded.dir);
    const count = (status: string): number => all.filter((each) => each.status === status).length;
    expect(all).toHaveLength(10);
    expect([count('passed'), count('failed'), count('broken'), count('skipped')]).toEqual([6, 2, 1, 1]);
    const failed = all.find((each) => each.name.startsWith('GS-06') && each.status === 'failed');
    expect(failed?.steps.map((step) => step.status)).toContain('failed');
    expect(failed?.labels).toEqual(
      expect.arrayContaining([
        { name: 'suite', value: 'gateway-switch' },
        { name: 'severity', value: 'critical' },
        { name: 'tag', value: 'mtls' },
      ]),
    );
    for (const { source } of all.flatMap((each) => each.attachments)) {
      expect(existsSync(join(recorded.dir, 'allure-results', source))).toBe(true);
    }
  });

  it('are on disk as each check ends, and come out the same from the files', async () => {
    const dir = await copyRun();
    const { lines, record } = await readRun(dir);
    const writer = allureWriter(dir);
    for (const [index, line] of lines.entries()) {
      writer.add(line, descriptionOf(record.checks, line.id));
      expect(await results(dir)).toHaveLength(index + 1);
    }
    const names = async (from: string): Promise<string[]> => (await readdir(join(from, 'allure-results'))).toSorted();
    expect(await names(recorded.dir)).toEqual([...(await names(dir)), 'environment.properties'].toSorted());
  });

  it('are read by Allure 3', { timeout: 120_000 }, async () => {
    const out = join(recorded.dir, 'allure3');
    const cli = join(program('allure'), 'cli.js');
    await run(process.execPath, [cli, 'generate', 'allure-results', '-o', out], { cwd: recorded.dir });
    expect(JSON.parse(await readFile(join(out, 'summary.json'), 'utf8'))).toMatchObject({
      stats: { total: 10, passed: 6, failed: 2, broken: 1, skipped: 1 },
    });
  });

  it.runIf(java)('are read by allure-commandline', { timeout: 120_000 }, async () => {
    const out = join(recorded.dir, 'allure2');
    const cli = join(program('allure-commandline'), 'dist/bin/allure');
    await run(cli, ['generate', join(recorded.dir, 'allure-results'), '-o', out], { env: brief });
    expect(JSON.parse(await readFile(join(out, 'widgets/summary.json'), 'utf8'))).toMatchObject({
      statistic: { total: 10, passed: 6, failed: 2, broken: 1, skipped: 1 },
    });
  });
});
