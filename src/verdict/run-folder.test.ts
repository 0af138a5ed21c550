import { mkdtemp, readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Evidence } from '#support/evidence.ts';
import type { RunRecord, VerdictLine } from '#verdict/result.ts';
import { fileStem, RunFolder, runId } from '#verdict/run-folder.ts';

const record: RunRecord = {
  schema: 1,
  run: 'a-run',
  command: './meshwitness verify GS-02',
  start: '2026-11-21T03:00:00.000Z',
  topology: 'solo',
  provider: 'kind',
  products: [],
  capabilities: {},
  machine: { os: 'Debian', kernel: '6', cpus: 2, memoryMiB: 1, node: '24', engine: 'Docker 20' },
  timings: [],
  checks: {},
  differences: [],
};

const line = (id: string, more: Partial<VerdictLine> = {}): VerdictLine => ({
  schema: 1,
  id,
  verdict: 'pass',
  reason: 'five witnesses agree',
  unstable: false,
  witnesses: [],
  findings: [],
  attempts: 1,
  durationMs: 5,
  product: 'istio-current',
  ...more,
});

const evidence = (facts: Evidence['facts'] = {}): Evidence => ({
  schema: 1,
  check: 'GS-02',
  collectedAt: '2026-11-21T03:00:00.000Z',
  names: {},
  params: {},
  capabilities: [],
  probes: [],
  loads: [],
  facts,
});

let reports: string;
let folder: RunFolder;
beforeEach(async () => {
  reports = await mkdtemp(join(tmpdir(), 'mw-reports-'));
  folder = await RunFolder.create(reports, record);
});

const written = async (): Promise<VerdictLine[]> =>
  (await readFile(join(folder.dir, 'verdicts.ndjson'), 'utf8'))
    .split('\n')
    .filter((row) => row !== '')
    .map((row) => JSON.parse(row) as VerdictLine);

describe('a run folder', () => {
  it('has run.json before the first verdict', async () => {
    expect(JSON.parse(await readFile(join(folder.dir, 'run.json'), 'utf8'))).toEqual(record);
    expect(await written()).toEqual([]);
  });

  it('has a verdict on disk when `add` returns, with its evidence', async () => {
    const added = await folder.add(line('GS-02', { twin: 'no-endpoints', verdict: 'caught' }), evidence());
    expect(added.evidence).toBe('evidence/GS-02.no-endpoints.istio-current.json');
    expect(await written()).toEqual([added]);
    expect(JSON.parse(await readFile(join(folder.dir, added.evidence ?? ''), 'utf8'))).toEqual(evidence());
    expect(folder.evidenceOf(added)).toEqual(evidence());
  });

  it('keeps lines whole that end at the same time', async () => {
    const many = Array.from({ length: 50 }, (_, at) => line(`GS-${at}`, { reason: 'x'.repeat(5000) }));
    await Promise.all(many.map((each) => folder.add(each)));
    expect((await written()).map(({ id }) => id).toSorted()).toEqual(many.map(({ id }) => id).toSorted());
  });

  it('writes no secret, neither in a line nor in evidence', async () => {
    const key = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n-----END PRIVATE KEY-----';
    const bearer = 'Bearer abcdef0123456789abcdef';
    await folder.add(line('GS-02', { verdict: 'fail', reason: `saw ${bearer}` }), evidence({ page: key, bearer }));
    const files = await readdir(folder.dir, { recursive: true, withFileTypes: true });
    const texts = await Promise.all(
      files.filter((each) => each.isFile()).map((each) => readFile(join(each.parentPath, each.name), 'utf8')),
    );
    expect(texts.join('\n')).not.toMatch(/MIIEvQIBADANBgkqhkiG9w0|abcdef0123456789/);
    expect(texts.join('\n')).toContain('[redacted:private-key:');
  });

  it('changes run.json in one step', async () => {
    await Promise.all([folder.update({ exitCode: 0 }), folder.update({ end: '2026-11-21T03:01:00.000Z' })]);
    await folder.close();
    const now = JSON.parse(await readFile(join(folder.dir, 'run.json'), 'utf8')) as RunRecord;
    expect(now).toEqual({ ...record, exitCode: 0, end: '2026-11-21T03:01:00.000Z' });
    expect((await readdir(folder.dir)).toSorted()).toEqual(['run.json', 'verdicts.ndjson']);
  });
});

describe('names', () => {
  it('tell a run by its start, and two of one second apart', () => {
    const start = new Date('2026-11-21T06:50:12.345Z');
    expect(runId(start)).toMatch(/^20261121-065012-[0-9a-f]{6}$/);
    expect(runId(start)).not.toBe(runId(start));
  });

  it('tell checks, twins and products apart', () => {
    expect(fileStem({ id: 'XC-03' })).toBe('XC-03');
    expect(fileStem({ id: 'GS-02', twin: 'a', product: 'istio-older' })).toBe('GS-02.a.istio-older');
  });
});
