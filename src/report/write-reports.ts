import { join } from 'node:path';
import { writeRedacted } from '#support/redact.ts';
import { writeAllureResults } from '#report/allure.ts';
import { conformanceYaml } from '#report/conformance.ts';
import { junitXml } from '#report/junit.ts';
import { renderPage } from '#report/page/render.ts';
import { readRun, type Run } from '#report/read-run.ts';

export interface ReportPaths {
  page: string;
  junit: string;
  conformance: string;
}

/**
 * Makes every report of a run folder from its files: index.html, junit.xml, conformance.yaml and allure-results/.
 *
 * @returns the paths of what was written
 * @throws UsageError when the folder is not one of this schema version
 */
export async function writeReports(runDir: string): Promise<ReportPaths> {
  return writeRun(await readRun(runDir));
}

async function writeRun(run: Run): Promise<ReportPaths> {
  const at = {
    page: join(run.dir, 'index.html'),
    junit: join(run.dir, 'junit.xml'),
    conformance: join(run.dir, 'conformance.yaml'),
  };
  await Promise.all([
    writeRedacted(at.page, renderPage(run)),
    writeRedacted(at.junit, junitXml(run)),
    writeRedacted(at.conformance, conformanceYaml(run)),
    writeAllureResults(run),
  ]);
  return at;
}
