// Everything that a run writes its results with, in one module, as it is read while the first check waits for its cluster.
export { allureWriter, type AllureWriter } from '#report/allure.ts';
export { killScore } from '#report/summary.ts';
export { runSummary } from '#report/table.ts';
export { writeReports } from '#report/write-reports.ts';
