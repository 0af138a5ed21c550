/** The vitest projects of vitest.config.ts in the order that shows a fault soonest. */
export const projects = ['unit', 'machine', 'fixture', 'page', 'lab'] as const;
export type Project = (typeof projects)[number];

/** How many tests of a project passed and failed. What keeps a file or a project from running counts as one failure. */
export interface Count {
  passed: number;
  failed: number;
}

/** The part of vitest's JSON report that is read here. */
export interface JsonReport {
  numPassedTests: number;
  numFailedTests: number;
  testResults: { status: string; assertionResults: { status: string }[] }[];
}

/**
 * @param report undefined when vitest ended before it could write one
 * @param exitCode of vitest; null when it was killed
 */
export function countOf(report: JsonReport | undefined, exitCode: number | null): Count {
  if (report === undefined) return { passed: 0, failed: exitCode === 0 ? 0 : 1 };
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every(({ status }) => status !== 'failed'),
  ).length;
  const failed = report.numFailedTests + broken;
  return { passed: report.numPassedTests, failed: failed === 0 && exitCode !== 0 ? 1 : failed };
}

/** The last line of the test run, which CI reads. */
export function totalLine(counts: readonly Count[]): string {
  const sum = (pick: (count: Count) => number): number => counts.reduce((total, count) => total + pick(count), 0);
  return `${sum(({ passed }) => passed)} passed, ${sum(({ failed }) => failed)} failed`;
}
