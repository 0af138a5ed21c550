import type { Evidence, ProbeEvidence } from '#support/evidence.ts';
import type { Check, Seen, Twin } from '#verdict/check.ts';
import { contradictions } from '#verdict/contradictions.ts';
import { missing } from '#verdict/expectation.ts';
import { failsOpen, type Finding, type Verdict, type VerdictLine } from '#verdict/result.ts';

/** Fewer than this many witnesses, and a pass is only an opinion (design: source, destination, backend). */
export const leastWitnesses = 3;

/** What the judge made of one collection of evidence. */
export interface Judgement {
  verdict: Extract<Verdict, 'pass' | 'fail' | 'inconclusive'>;
  reason: string;
  /** `fails open`: what the check found is not only broken, it lets everybody in. */
  label?: string;
  findings: Finding[];
  witnesses: VerdictLine['witnesses'];
}

/** Judges what one run of a check (or of a twin) collected. Pure: offline, it says the same. */
export function judge(check: Pick<Check, 'judge'>, evidence: Evidence): Judgement {
  const findings = check.judge(seen(evidence)).flat();
  const witnesses = witnessesOf(findings);
  const decided = (verdict: Judgement['verdict'], reason: string): Judgement => ({
    verdict,
    reason,
    findings,
    witnesses,
  });
  const [clash] = evidence.probes.flatMap(contradictions);
  if (clash !== undefined) return decided('inconclusive', `witnesses contradict each other: ${clash}`);
  const [control] = findings.filter((each) => each.control && each.state !== 'met');
  if (control) return decided('inconclusive', `the control did not hold: ${sentence(control)}`);
  const uncontrolled = withoutControl(findings, evidence.probes);
  if (uncontrolled !== undefined)
    return decided('inconclusive', `${uncontrolled} has no allowed call before and after it: no control, no verdict`);
  const open = findings.find(({ state, expectation }) => state === 'broken' && expectation === 'fail-open');
  if (open) return { ...decided('fail', `${whyOpen(findings)}${sentence(open)}`), label: failsOpen };
  const [broken] = findings.filter(({ state }) => state === 'broken');
  if (broken) return decided('fail', sentence(broken));
  const [silent] = findings.filter(({ state }) => state === 'missing');
  if (silent) return decided('inconclusive', `a witness is missing: ${sentence(silent)}`);
  if (witnesses.length < leastWitnesses)
    return decided('inconclusive', `only ${witnesses.length} witnesses: a pass needs ${leastWitnesses}`);
  return decided('pass', `${witnesses.length} witnesses agree`);
}

/** Whether a twin's evidence turned the check red for the reason that the twin states. */
export function judgeTwin(judgement: Judgement, twin: Twin): { verdict: 'caught' | 'missed'; reason: string } {
  if (judgement.verdict !== 'fail')
    return { verdict: 'missed', reason: `expected red, came out ${judgement.verdict}: ${judgement.reason}` };
  const broken = judgement.findings.filter(({ state, control }) => state === 'broken' && !control);
  const onTarget = ({ probe }: Finding) => twin.on === undefined || probe === twin.on;
  const stated = broken.find((each) => each.expectation === twin.breaks && onTarget(each));
  const where = twin.on === undefined ? '' : ` on ${twin.on}`;
  if (!stated) return { verdict: 'missed', reason: `red, but not for ${twin.breaks}${where}: ${judgement.reason}` };
  const stray = twin.only ? broken.find((each) => !onTarget(each)) : undefined;
  if (stray) return { verdict: 'missed', reason: `the sabotage reached further than ${twin.on}: ${sentence(stray)}` };
  return { verdict: 'caught', reason: `red as stated: ${sentence(stated)}` };
}

/** What the control plane says of the policy that should have stood in the way, where the check asked. */
function whyOpen(findings: readonly Finding[]): string {
  const said = findings.find(({ state, witness }) => state === 'broken' && witness.kind === 'object');
  return said ? `${said.seen}; ` : '';
}

/** One finding as a sentence: who, on what, expected what, saw what. */
export function sentence({ expectation, probe, witness, expected, seen: saw }: Finding): string {
  const on = probe === undefined ? '' : ` (${probe})`;
  return `${expectation}${on}: ${witness.kind} ${witness.from} expected ${expected}, saw ${saw}`;
}

function seen(evidence: Evidence): Seen {
  const weigh = (probe: ProbeEvidence, expectations: Parameters<Seen['probe']>[1][]) =>
    expectations
      .flatMap((expectation) => expectation(probe))
      .map((each) => ({ ...each, probe: probe.name, control: probe.role === 'control' }));
  const weighAll = (found: ProbeEvidence[], name: string, expectations: Parameters<Seen['probe']>[1][]) =>
    found.length > 0
      ? found.flatMap((probe) => weigh(probe, expectations))
      : [
          missing(
            { expectation: 'probe-made', kind: 'client', from: name, expected: 'a call' },
            'no such call was made',
          ),
        ];
  return {
    evidence,
    params: evidence.params,
    names: evidence.names,
    probe: (name, ...expectations) =>
      weighAll(
        evidence.probes.filter((probe) => probe.name === name),
        name,
        expectations,
      ),
    probes: (prefix, ...expectations) =>
      weighAll(
        evidence.probes.filter((probe) => probe.name.startsWith(prefix)),
        `${prefix}*`,
        expectations,
      ),
    fact: (name, expectation) => [expectation(name, evidence.facts[name])],
    load: (name, ...expectations) => {
      const found = evidence.loads.find((load) => load.name === name);
      const asked = { expectation: 'load-sent', kind: 'client', from: `load ${name}`, expected: 'a load' } as const;
      if (!found) return [missing(asked, 'no such load was sent')];
      return expectations.flatMap((each) => each(found)).map((each) => ({ ...each, probe: name }));
    },
  };
}

/** Expectations that a dead workload would meet as well: each needs the same call allowed just before and after. */
const denials = new Set([
  'reset-without-status',
  'refused-inbound',
  'denied-by-policy',
  'blocked-outbound',
  'not-received',
]);

function withoutControl(findings: Finding[], probes: ProbeEvidence[]): string | undefined {
  const controls = probes.filter(({ role }) => role === 'control').map(({ order }) => order);
  const denied = probes.filter(
    ({ name, role }) =>
      role === 'subject' && findings.some(({ probe, expectation }) => probe === name && denials.has(expectation)),
  );
  return denied.find(({ order }) => !controls.some((each) => each < order) || !controls.some((each) => each > order))
    ?.name;
}

/** Distinct witnesses that spoke, each with what it said first. */
function witnessesOf(findings: Finding[]): VerdictLine['witnesses'] {
  const spoke = findings.filter(({ state }) => state !== 'missing');
  const byName = Map.groupBy(spoke, ({ witness }) => `${witness.kind} ${witness.from}`);
  return [...byName.values()].flatMap((all) => {
    const first = all.find(({ state }) => state === 'broken') ?? all[0];
    if (!first) return [];
    const more = all.length > 1 ? ` (and ${all.length - 1} more)` : '';
    return [{ kind: first.witness.kind, from: first.witness.from, summary: `${first.seen}${more}` }];
  });
}
