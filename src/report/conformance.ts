import { stringify } from 'yaml';
import type { VerdictLine } from '#verdict/result.ts';
import type { Run } from '#report/read-run.ts';
import { checkIds, describe, killScore, ownLines, productOf, tally, twinLines } from '#report/summary.ts';

/** Raised with every change that a reader of conformance.yaml would misread; conformance.schema.json states the same. */
const conformanceSchemaVersion = 1;

/** The run as a document for people and other tools; conformance.schema.json beside this file describes it. */
export function conformanceYaml(run: Run): string {
  const { record, lines } = run;
  const score = killScore(lines, record);
  const document = {
    schema: conformanceSchemaVersion,
    run: record.run,
    command: record.command,
    start: record.start,
    end: record.end,
    exitCode: record.exitCode,
    complete: record.end !== undefined && !run.truncated,
    topology: record.topology,
    provider: record.provider,
    identityProvider: record.identityProvider,
    machine: record.machine,
    products: record.products,
    capabilities: record.capabilities,
    killScore: score && { ...score, percent: Math.floor((100 * score.caught) / Math.max(1, score.total)) },
    totals: Object.fromEntries(
      tally(ownLines(lines).map((line) => line.verdict)).map((each) => [each.verdict, each.count]),
    ),
    checks: checkIds(record.checks, lines).map((id) => checkEntry(run, id)),
    differences: record.differences,
  };
  // Without line folding: reasons are compared by text tools.
  return stringify(document, { lineWidth: 0, aliasDuplicateObjects: false });
}

function checkEntry({ record, lines }: Run, id: string): object {
  const check = describe(record.checks, id);
  const own = lines.filter((line) => line.id === id);
  return {
    id,
    title: check.title,
    system: check.system,
    level: check.level,
    needs: check.needs,
    verdicts: ownLines(own).map((line) => ({
      product: line.product,
      productVersion: productOf(record, line.product)?.version,
      verdict: line.verdict,
      label: line.label,
      reason: line.reason,
      unstable: line.unstable,
      attempts: line.attempts,
      durationMs: line.durationMs,
      witnesses: line.witnesses,
      evidence: line.evidence,
      twins: twinLines(own)
        .filter((twin) => twin.product === line.product)
        .map(twinEntry),
    })),
  };
}

const twinEntry = (line: VerdictLine): object => ({
  name: line.twin,
  verdict: line.verdict,
  reason: line.reason,
  durationMs: line.durationMs,
});
