import { describe, expect, it } from 'vitest';
import { countOf, totalLine, type JsonReport } from './test-projects.ts';

const report = (passed: number, failed: number, files: JsonReport['testResults'] = []): JsonReport => ({
  numPassedTests: passed,
  numFailedTests: failed,
  testResults: files,
});

describe('the sum of a test run', () => {
  it('is what vitest counted', () => {
    expect(countOf(report(5, 2), 1)).toEqual({ passed: 5, failed: 2 });
    expect(countOf(report(0, 0), 0)).toEqual({ passed: 0, failed: 0 });
  });

  it('counts a file that could not be run as one failure', () => {
    const files = [
      { status: 'failed', assertionResults: [] },
      { status: 'failed', assertionResults: [{ status: 'skipped' }] },
      { status: 'failed', assertionResults: [{ status: 'failed' }] },
      { status: 'passed', assertionResults: [{ status: 'passed' }] },
    ];
    expect(countOf(report(1, 1, files), 1)).toEqual({ passed: 1, failed: 3 });
  });

  it('never calls a run good that vitest itself did not', () => {
    expect(countOf(undefined, null)).toEqual({ passed: 0, failed: 1 });
    expect(countOf(report(5, 0), 1)).toEqual({ passed: 5, failed: 1 });
  });

  it('ends in the line that CI reads', () => {
    expect(
      totalLine([
        { passed: 5, failed: 0 },
        { passed: 2, failed: 1 },
      ]),
    ).toBe('7 passed, 1 failed');
    expect(totalLine([])).toBe('0 passed, 0 failed');
  });
});
