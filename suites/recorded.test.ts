import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evidence as evidenceSchema, type Evidence } from '#support/evidence.ts';
import { loadCatalogue } from '#verdict/catalogue.ts';
import { judge, judgeTwin, type Judgement } from '#verdict/judge.ts';

// Evidence as a real lab gave it, one file for each check and each of its twins: `GS-02.no-endpoints.json`.
const folder = resolve(import.meta.dirname, 'testdata');
const checks = await loadCatalogue();
const recordings = readdirSync(folder).map((file) => {
  const recorded = evidenceSchema.parse(JSON.parse(readFileSync(resolve(folder, file), 'utf8')));
  const check = checks.find(({ id }) => id === recorded.check);
  if (!check) throw new Error(`${file}: no check ${recorded.check}`);
  return { file, recorded, check, twin: check.twins.find(({ name }) => name === recorded.twin) };
});
const passes = recordings.filter(({ recorded }) => recorded.twin === undefined);
// A twin that judges the same course from another angle has no recording of its own: nothing but its parameters differs.
const angles = passes
  .filter(({ recorded }) => recorded.facts['course'] !== undefined)
  .flatMap(({ check, recorded, file }) =>
    check.twins.map((twin) => {
      const params: Record<string, string> = { ...recorded.params };
      for (const [key, value] of Object.entries(twin.params ?? {})) if (value !== undefined) params[key] = value;
      return { file: `${file}, ${twin.name}`, check, recorded: { ...recorded, twin: twin.name, params }, twin };
    }),
  );

describe('judges on recorded evidence', () => {
  it.each(passes)('$file passes', ({ check, recorded }) => {
    expect(judge(check, recorded)).toMatchObject({ verdict: 'pass' });
  });

  it.each([...recordings.filter(({ recorded }) => recorded.twin !== undefined), ...angles])(
    '$file is red for the stated reason',
    ({ check, recorded, twin }) => {
      if (!twin) throw new Error('the twin is no more');
      expect(judgeTwin(judge(check, recorded), twin)).toMatchObject({ verdict: 'caught' });
    },
  );

  it.each(passes)('$file: without any one of its witnesses nothing is decided', ({ check, recorded }) => {
    const { witnesses, findings } = judge(check, recorded);
    expect(witnesses.length).toBeGreaterThanOrEqual(3);
    for (const witness of witnesses) {
      const { verdict } = judge(check, silenced(recorded, witness, findings));
      expect.soft(verdict, `without ${witness.kind} ${witness.from}`).toBe('inconclusive');
    }
  });

  it.each(passes.filter(({ recorded }) => recorded.probes.some(({ role }) => role === 'control')))(
    '$file: a control that did not hold leaves nothing decided, on either side',
    ({ check, recorded }) => {
      for (const control of recorded.probes.filter(({ role }) => role === 'control')) {
        const dead = { ...control, client: { ...control.client, status: 503 } };
        const probes = recorded.probes.map((each) => (each === control ? dead : each));
        expect.soft(judge(check, { ...recorded, probes }).verdict, control.name).toBe('inconclusive');
      }
    },
  );
});

describe('a gateway that stands open', () => {
  it.each([
    ['refused', 'refused: '],
    ['deleted', 'missing: '],
    ['other-namespace', 'wrong namespace: '],
    ['other-target', 'wrong target: '],
  ])('is told as such, with what became of its policy: %s', (twin, words) => {
    const found = recordings.find(({ file }) => file === `OA-02.${twin}.json`);
    if (!found) throw new Error('never recorded');
    const { verdict, label, reason } = judge(found.check, found.recorded);
    expect({ verdict, label }).toEqual({ verdict: 'fail', label: 'fails open' });
    expect(reason).toMatch(new RegExp(`^${words}`));
  });
});

/** The same evidence, had this witness said nothing. */
function silenced(
  recorded: Evidence,
  { kind, from }: Judgement['witnesses'][number],
  findings: Judgement['findings'],
): Evidence {
  const speaker = kind.endsWith('log')
    ? `log of ${from}`
    : kind === 'receipt'
      ? `receipts of ${from}`
      : `counters of ${from}`;
  const quiet = { witness: speaker, reason: 'silenced' };
  if (kind === 'object' || kind === 'process') return { ...recorded, facts: {} };
  const loads = recorded.loads.map(({ client, ledgers, ...load }) => ({
    ...load,
    ...(client && !(kind === 'client' && `load ${load.name}-`.startsWith(`${from}-`)) && { client }),
    ledgers: Object.fromEntries(Object.entries(ledgers).filter(([each]) => !(kind === 'receipt' && each === from))),
  }));
  // What it said of no probe stands among the facts.
  const inFacts = findings.some(
    ({ witness, probe }) => probe === undefined && witness.kind === kind && witness.from === from,
  );
  const facts = kind === 'counter' || inFacts ? {} : recorded.facts;
  if (kind === 'client')
    return { ...recorded, loads, facts, probes: recorded.probes.filter((probe) => probe.from !== from) };
  const probes = recorded.probes.map(({ visit, ...probe }) => ({
    ...probe,
    ...(visit && { visit: kind === 'provider' ? { ...visit, provider: undefined } : visit }),
    silent: [...probe.silent, quiet],
    accessLog: probe.accessLog?.filter(({ proxy }) => !(kind.endsWith('log') && proxy.workload === from)),
    receipts: kind === 'receipt' ? probe.receipts?.filter(({ pod }) => !pod.startsWith(`${from}-`)) : probe.receipts,
  }));
  return evidenceSchema.parse({ ...recorded, loads, probes, facts });
}
