import { describe, expect, it } from 'vitest';
import type { VerdictLine } from '#verdict/result.ts';
import { looksAgain } from '#verdict/second-look.ts';

const result = (verdict: VerdictLine['verdict'], reason: string, more: Partial<VerdictLine> = {}) => ({
  line: {
    schema: 1 as const,
    id: 'CR-18',
    verdict,
    reason,
    unstable: false,
    witnesses: [],
    findings: [],
    attempts: 1,
    durationMs: 10,
    ...more,
  },
});

describe('a second look', () => {
  const first = result('fail', '50 of 3421 failed', { attempts: 2, earlier: ['slow'], dump: 'dumps/CR-18' });

  it('decides, and tells everything that was seen before it', () => {
    const { line } = looksAgain(first, result('pass', '5 witnesses agree'));
    expect(line).toMatchObject({ verdict: 'pass', unstable: true, attempts: 3, durationMs: 20 });
    expect(line.earlier).toEqual(['slow', '50 of 3421 failed']);
    expect(line.dump).toBeUndefined();
  });

  it('confirms a failure, which is not unstable then', () => {
    const again = result('fail', '3 of 3000 failed', { attempts: 2, earlier: ['2 of 3000 failed'], unstable: false });
    const { line } = looksAgain(first, again);
    expect(line).toMatchObject({ verdict: 'fail', reason: '3 of 3000 failed', unstable: false, attempts: 4 });
    expect(line.earlier).toEqual(['slow', '50 of 3421 failed', '2 of 3000 failed']);
  });
});
