import { create } from 'xmlbuilder2';
import type { VerdictLine } from '#verdict/result.ts';
import type { Run } from '#report/read-run.ts';
import { checkIds, describe, productOf } from '#report/summary.ts';

/**
 * JUnit XML of a run: a suite a system, a case a verdict line. `fail` and `missed` are failures, `inconclusive` and a check
 * the run never reached are errors, `unsupported` and `roadmap` are skipped.
 */
export function junitXml(run: Run): string {
  const cases = checkIds(run.record.checks, run.lines).flatMap((id) => {
    const lines: Array<VerdictLine | undefined> = run.lines.filter((line) => line.id === id);
    return (lines.length === 0 ? [undefined] : lines).map((line) => caseOf(run, id, line));
  });
  const suites = [...Map.groupBy(cases, (each) => each.system)].map(([name, own]) => ({
    '@name': name,
    '@timestamp': run.record.start,
    ...totals(own),
    testcase: own.map((each) => each.node),
  }));
  // Bodies may hold control characters that XML 1.0 cannot carry at all.
  const document = { testsuites: { '@name': run.record.run, ...totals(cases), testsuite: suites } };
  return `${create({ invalidCharReplacement: '\uFFFD', encoding: 'UTF-8' }, document).end({ prettyPrint: true })}\n`;
}

interface Case {
  system: string;
  seconds: number;
  outcome: 'failure' | 'error' | 'skipped' | 'passed';
  node: Record<string, unknown>;
}

function caseOf(run: Run, id: string, line: VerdictLine | undefined): Case {
  const check = describe(run.record.checks, id);
  const product = line?.product === undefined ? '' : ` [${line.product}]`;
  const twin = line?.twin === undefined ? '' : ` (twin ${line.twin})`;
  const seconds = (line?.durationMs ?? 0) / 1000;
  const outcome = line === undefined ? 'error' : outcomes[line.verdict];
  const message = line?.reason ?? 'no verdict: the run ended before this check did';
  const version = productOf(run.record, line?.product)?.version;
  const properties = [
    { '@name': 'verdict', '@value': line?.verdict ?? 'undecided' },
    { '@name': 'level', '@value': check.level },
    ...(line?.product === undefined ? [] : [{ '@name': 'product', '@value': line.product }]),
    ...(version === undefined ? [] : [{ '@name': 'version', '@value': version }]),
    ...(line?.unstable ? [{ '@name': 'unstable', '@value': 'true' }] : []),
  ];
  return {
    system: check.system,
    seconds,
    outcome,
    node: {
      '@classname': check.system,
      '@name': `${id} ${check.title}${twin}${product}`,
      '@time': seconds.toFixed(3),
      properties: { property: properties },
      ...(outcome !== 'passed' && {
        [outcome]: { '@message': message, ...(outcome !== 'skipped' && { '@type': line?.verdict ?? 'undecided' }) },
      }),
      ...(line !== undefined && { 'system-out': details(line) }),
    },
  };
}

const outcomes = {
  pass: 'passed',
  caught: 'passed',
  fail: 'failure',
  missed: 'failure',
  inconclusive: 'error',
  unsupported: 'skipped',
  roadmap: 'skipped',
} as const;

function details(line: VerdictLine): string {
  const findings = line.findings.map(
    (each) =>
      `${each.state} ${each.expectation} (${each.witness.kind} of ${each.witness.from}): ` +
      `expected ${each.expected}; seen ${each.seen}`,
  );
  return [line.reason, ...findings].join('\n');
}

function totals(cases: Case[]): Record<string, string> {
  const count = (outcome: Case['outcome']): string => String(cases.filter((each) => each.outcome === outcome).length);
  return {
    '@tests': String(cases.length),
    '@failures': count('failure'),
    '@errors': count('error'),
    '@skipped': count('skipped'),
    '@time': cases.reduce((sum, each) => sum + each.seconds, 0).toFixed(3),
  };
}
