import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { LabelName, Severity, Stage, Status, type StepResult, type TestResult } from 'allure-js-commons';
import { FileSystemWriter } from 'allure-js-commons/sdk/reporter';
import { redactJson } from '#support/redact.ts';
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
  const writer = new FileSystemWriter({ resultsDir: resolve(dir, 'allure-results') });
  return {
    add(line, check, end = Date.now()) {
      const result = resultOf(line, check, end);
      if (line.evidence !== undefined) {
        const source = `${result.uuid}-attachment.json`;
        writer.writeAttachment(source, readEvidence(resolve(dir, line.evidence)));
        result.attachments.push({ name: 'Evidence', type: 'application/json', source });
      }
      if (check.manifest !== undefined) {
        const source = `${result.uuid}-manifest-attachment.yaml`;
        writer.writeAttachment(source, Buffer.from(redactJson(check.manifest)));
        result.attachments.push({ name: 'Manifest', type: 'application/yaml', source });
      }
      writer.writeResult(redactJson(result));
    },
    environment(record) {
      writer.writeEnvironmentInfo({
        command: record.command,
        topology: record.topology,
        provider: record.provider,
        kernel: `${record.machine.os}, Linux ${record.machine.kernel}`,
        engine: record.machine.engine,
        ...Object.fromEntries(record.products.map((each) => [each.part, `${each.version} (${each.origin})`])),
      });
    },
  };
}

/** Writes all Allure results of a run again, from its files. */
export function writeAllureResults(run: Run): void {
  rmSync(resolve(run.dir, 'allure-results'), { recursive: true, force: true });
  const writer = allureWriter(run.dir);
  writer.environment(run.record);
  for (const line of run.lines) {
    const collectedAt = line.evidence === undefined ? undefined : run.evidence.get(line.evidence)?.collectedAt;
    writer.add(line, describe(run.record.checks, line.id), Date.parse(collectedAt ?? run.record.start));
  }
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
  const key = createHash('sha256').update(lineKey(line)).digest('hex');
  const twin = line.twin === undefined ? '' : ` · twin ${line.twin}`;
  const tags = [...check.tags, line.verdict, ...(line.twin === undefined ? [] : ['twin'])];
  const label = (name: string, value: string): { name: string; value: string } => ({ name, value });
  return {
    uuid: [key.slice(0, 8), key.slice(8, 12), key.slice(12, 16), key.slice(16, 20), key.slice(20, 32)].join('-'),
    // Two products of one check are two tests; with one history id Allure would call the second a retry.
    historyId: key,
    testCaseId: createHash('sha256').update(`${line.id}${twin}`).digest('hex'),
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

function readEvidence(path: string): Buffer {
  return Buffer.from(JSON.stringify(redactJson(JSON.parse(readFileSync(path, 'utf8')) as unknown), null, 2));
}
