import { describe, expect, it } from 'vitest';
import type { Evidence } from '#support/evidence.ts';
import { check } from '#verdict/check.ts';
import { answer } from '#verdict/expectation.ts';
import { replay } from '#verdict/replay.ts';
import type { VerdictLine } from '#verdict/result.ts';

/** Three witnesses say whether the door is shut. */
const door = check({
  id: 'X-01',
  title: 'A door',
  level: 'core',
  system: 'harness',
  tags: [],
  needs: [],
  story: { setUp: '', sends: '', expects: '', why: '' },
  collect: () => Promise.resolve(),
  judge: ({ evidence }) =>
    ['one', 'two', 'three'].map((from) => {
      const question = { expectation: 'door-shut', kind: 'process' as const, from, expected: 'shut' };
      return answer(question, evidence.facts['door'] === 'shut', JSON.stringify(evidence.facts['door']));
    }),
  twins: [{ name: 'left-open', sabotage: 'the door is left open', breaks: 'door-shut' }],
});

const evidence = (state: string): Evidence => ({
  schema: 1,
  check: 'X-01',
  collectedAt: '',
  names: {},
  params: {},
  capabilities: [],
  probes: [],
  loads: [],
  facts: { door: state },
});

const line = (verdict: VerdictLine['verdict'], more: Partial<VerdictLine> = {}): VerdictLine => ({
  schema: 1,
  id: 'X-01',
  verdict,
  reason: 'as recorded',
  unstable: false,
  witnesses: [],
  findings: [],
  attempts: 1,
  durationMs: 1,
  evidence: 'evidence/X-01.json',
  ...more,
});

const again = (recorded: VerdictLine, state: string) =>
  replay([recorded], new Map([['evidence/X-01.json', evidence(state)]]), [door])[0];

describe('replay', () => {
  it('gives the recorded verdict again', () => {
    expect(again(line('pass'), 'shut')).toMatchObject({ same: true, again: { verdict: 'pass' } });
    expect(again(line('fail'), 'open')).toMatchObject({ same: true, again: { verdict: 'fail' } });
  });

  it('judges a twin as a twin', () => {
    const twin = { twin: 'left-open' };
    expect(again(line('caught', twin), 'open')).toMatchObject({ same: true, again: { verdict: 'caught' } });
    expect(again(line('caught', twin), 'shut')).toMatchObject({ same: false, again: { verdict: 'missed' } });
  });

  it('tells a verdict that the evidence does not bear out', () => {
    expect(again(line('pass'), 'open')).toMatchObject({ same: false, again: { verdict: 'fail' } });
  });

  it('leaves verdicts without evidence as they are, and names what the suites no longer have', () => {
    const { evidence: _, ...without } = line('unsupported');
    expect(again(without, 'shut')).toMatchObject({ same: true, note: 'no evidence was recorded' });
    expect(again(line('pass', { id: 'X-99' }), 'shut')).toMatchObject({ same: false });
    expect(again(line('caught', { twin: 'gone' }), 'shut')).toMatchObject({ same: false });
  });
});
