import type { Finding } from '#lint/finding.ts';
import { otherRules, rules } from '#lint/rules/all.ts';

/** Findings as SARIF 2.1.0, which code hosts show beside the lines they are about. */
export function sarifOf(findings: readonly Finding[]): object {
  const titles: Record<string, string> = {
    ...Object.fromEntries(rules.map(({ id, title }) => [id, title])),
    ...otherRules,
  };
  const ids = Object.keys(titles);
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'meshwitness lint',
            rules: ids.map((id) => ({ id, shortDescription: { text: titles[id] ?? id } })),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: findings.map(({ file, line, path, rule, severity, why, fix }) => ({
          ruleId: rule,
          ruleIndex: ids.indexOf(rule),
          level: severity,
          message: { text: `${why}. Fix: ${fix}` },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: file.split('/').map(encodeURIComponent).join('/') },
                region: { startLine: line },
              },
              ...(path !== '' && { logicalLocations: [{ fullyQualifiedName: path, kind: 'member' }] }),
            },
          ],
        })),
      },
    ],
  };
}
