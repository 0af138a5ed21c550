import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { LabelName, Severity, Stage, Status, type StepResult, type TestResult } from 'allure-js-commons';
import { FileSystemWriter, InMemoryWriter } from 'allure-js-commons/sdk/reporter';
import { redactJson, redactText } from '#support/redact.ts';
import type { Finding, RunRecord, VerdictLine } from '#verdict/result.ts';
import { lineKey, type Run } from '#report/read-run.ts';
import { describe, type CheckRecord } from '#report/summary.ts';

/** Writes `allure-results/` of a run folder, a result a verdict line, each whole on disk when `add` returns. */
export interface AllureWriter {
  /**
   * @param line the verdict that was just reached; its evidence file, when it names one, is attached
   * @param check its description
   * @param end when it was reached, in milliseconds since 1970; now when left out
   */
  add(line: VerdictLine, check: CheckRecord, end?: number): void;
  /** States products and machine, shown as the environment of the report. */
  environment(record: RunRecord): void;
}

/** @param dir the run folder; results go to its `allure-results/`. Names are stable, so adding a line twice replaces it. */
export function allureWriter(dir: string): AllureWriter {
  const writer = new FileSystemWriter({ resultsDir: resultsOf(dir) });
  const put = resultWriter(writer);
  return {
    add(line, check, end = Date.now()) {
      const evidence = line.evidence === undefined ? undefined : readJson(resolve(dir, line.evidence));
      put(line, check, end, redactJson(evidence));
    },
    environment(record) {
      writer.writeEnvironmentInfo({
        command: record.command,
        topology: record.topology,
        provider: record.provider,
        kernel: `${record.machine.os}, Linux ${record.machine.kernel}`,
        engine: record.machine.engine,
        ...(record.machine.browser !== undefined && { browser: record.machine.browser }),
        ...Object.fromEntries(record.products.map((each) => [each.part, `${each.version} (${each.origin})`])),
      });
    },
  };
}

/**
 * Writes all Allure results of a run again, from its files. Unlike the writer above it does not wait for the disk after each
 * file, as nothing is lost that cannot be made again.
 */
export async function writeAllureResults(run: Run): Promise<void> {
  const folder = resultsOf(run.dir);
  await rm(folder, { recursive: true, force: true });
  allureWriter(run.dir).environment(run.record);
  const memory = new InMemoryWriter();
  const put = resultWriter(memory);
  for (const line of run.lines) {
    const evidence = line.evidence === undefined ? undefined : run.evidence.get(line.evidence);
    put(line, describe(run.record.checks, line.id), Date.parse(evidence?.collectedAt ?? run.record.start), evidence);
  }
  const files: Array<[string, string | Buffer]> = [
    ...memory.tests.map((test): [string, string] => [`${test.uuid}-result.json`, JSON.stringify(test)]),
    ...Object.entries(memory.attachments),
  ];
  await Promise.all(files.map(([name, content]) => writeFile(resolve(folder, name), content)));
}

const resultsOf = (dir: string): string => resolve(dir, 'allure-results');
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Manifests are named after their content, so that a check and its twins share one file. */
function resultWriter(writer: Pick<FileSystemWriter, 'writeAttachment' | 'writeResult'>) {
  const written = new Set<string>();
  const attach = (result: TestResult, name: string, type: string, source: string, text: string): void => {
    if (!written.has(source)) writer.writeAttachment(source, Buffer.from(text));
    written.add(source);
    result.attachments.push({ name, type, source });
  };
  return (line: VerdictLine, check: CheckRecord, end: number, evidence: unknown): void => {
    const result = redactJson(resultOf(line, check, end));
    if (evidence !== undefined) {
      attach(
        result,
        'Evidence',
        'application/json',
        `${result.uuid}-attachment.json`,
        JSON.stringify(evidence, null, 2),
      );
    }
    if (check.manifest !== undefined) {
      const text = redactText(check.manifest);
      attach(result, 'Manifest', 'application/yaml', `${sha256(text)}-attachment.yaml`, text);
    }
    writer.writeResult(result);
  };
}

const statuses = {
  pass: Status.PASSED,
  caught: Status.PASSED,
  fail: Status.FAILED,
  missed: Status.FAILED,
  inconclusive: Status.BROKEN,
  unsupported: Status.SKIPPED,
  roadmap: Status.SKIPPED,
} as const;

const stepStatuses = { met: Status.PASSED, broken: Status.FAILED, missing: Status.BROKEN } as const;

const severities = { core: Severity.CRITICAL, extended: Severity.NORMAL, roadmap: Severity.MINOR } as const;

function resultOf(line: VerdictLine, check: CheckRecord, end: number): TestResult {
  const key = sha256(lineKey(line));
  const twin = line.twin === undefined ? '' : ` · twin ${line.twin}`;
  const tags = [...check.tags, line.verdict, ...(line.twin === undefined ? [] : ['twin'])];
  const label = (name: string, value: string): { name: string; value: string } => ({ name, value });
  return {
    uuid: [key.slice(0, 8), key.slice(8, 12), key.slice(12, 16), key.slice(16, 20), key.slice(20, 32)].join('-'),
    // Two products of one check are two tests; with one history id Allure would call the second a retry.
    historyId: key,
    testCaseId: sha256(`${line.id}${twin}`),
    name: `${line.id} ${check.title}${twin}`,
    fullName: `${check.system}/${line.id}${twin}`,
    titlePath: [check.system],
    description: [check.story.setUp, check.story.sends, check.story.expects, check.story.why].join('\n\n'),
    status: statuses[line.verdict],
    statusDetails: { message: line.label === undefined ? line.reason : `${line.label}: ${line.reason}` },
    stage: Stage.FINISHED,
    start: end - line.durationMs,
    stop: end,
    labels: [
      label(LabelName.SUITE, check.system),
      ...(line.twin === undefined ? [] : [label(LabelName.SUB_SUITE, 'twins')]),
      label(LabelName.SEVERITY, severities[check.level]),
      ...[...new Set([...tags, ...(line.unstable ? ['unstable'] : [])])].map((tag) => label(LabelName.TAG, tag)),
    ],
    links: [],
    parameters: [
      ...(line.product === undefined ? [] : [{ name: 'product', value: line.product }]),
      { name: 'witnesses', value: String(line.witnesses.length), excluded: true },
      { name: 'attempts', value: String(line.attempts), excluded: true },
    ],
    attachments: [],
    steps: line.findings.map((finding) => stepOf(finding, end - line.durationMs, end)),
  };
}

function stepOf(finding: Finding, start: number, stop: number): StepResult {
  const { expectation, state, expected, seen, witness } = finding;
  return {
    name: `${finding.control ? 'control: ' : ''}${expectation} (${witness.kind} of ${witness.from})`,
    status: stepStatuses[state],
    statusDetails: state === 'met' ? {} : { message: `expected ${expected}; seen ${seen}`, expected, actual: seen },
    stage: Stage.FINISHED,
    start,
    stop,
    steps: [],
    attachments: [],
    parameters: [
      { name: 'expected', value: expected },
      { name: 'seen', value: seen },
    ],
  };
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8')) as unknown;
