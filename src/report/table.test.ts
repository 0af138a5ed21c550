import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readRun } from '#report/read-run.ts';
import { runSummary, verdictTable } from '#report/table.ts';
import { copyRun } from '#report/testdata/copy.ts';

const { record, lines } = await readRun(await copyRun());

describe('verdictTable', () => {
  it('has a row a check and product, with witnesses, twins and time', () => {
    const table = stripVTControlCharacters(verdictTable(lines, record.checks, { columns: 140 }));
    expect(table).toMatch(/GS-02 .*The outage reproduced under STRICT.*istio-current.*pass.*\b6\b.*1\/1.*2\.1s/);
    expect(table).toMatch(/GS-06 .*pass \(unstable\)/);
    expect(table).toMatch(/IM-02 .*istio-older.*unsupported/);
  });

  it.each([60, 80, 100, 120, 200])('fits %i columns', (columns) => {
    const table = stripVTControlCharacters(verdictTable(lines, record.checks, { columns }));
    expect(Math.max(...table.split('\n').map((row) => row.length))).toBeLessThanOrEqual(columns);
    expect(table).toContain('inconclusive');
  });

  it('shows a check without a line as undecided', () => {
    expect(verdictTable([], record.checks, { columns: 100 })).toContain('undecided');
  });
});

describe('runSummary', () => {
  it('says why, what differs, the kill score, the timings and where the page is', () => {
    const text = stripVTControlCharacters(runSummary(record, lines, 'reports/x/index.html', { columns: 120 }));
    expect(text).toMatch(/fail GS-06 · istio-older: matched-cluster broke/);
    expect(text).toMatch(/missed IM-02 · twin one-permissive · istio-current/);
    expect(text).toMatch(/GS-06: istio-current passes; istio-older fails/);
    expect(text).toMatch(/Kill score {2}3 of 4 twins caught \(75\s%\)/);
    expect(text).toContain('cluster 20.1s');
    const timings = [{ step: 'checks', durationMs: 2_000 }];
    const overlapped = lines.map((line) => ({ ...line, durationMs: 4_000 / lines.length }));
    expect(stripVTControlCharacters(runSummary({ ...record, timings }, overlapped, 'x'))).toContain(
      'Overlap     4s one by one, in 2s: 2.0 times',
    );
    expect(text).toMatch(/Report {6}reports\/x\/index\.html$/);
  });
});
