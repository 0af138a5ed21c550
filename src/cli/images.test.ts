import { describe, expect, it } from 'vitest';
import { listTable } from '#cli/images.ts';
import { eventLine } from '#machine/images/progress.ts';

describe('progress without a terminal', () => {
  it('is a line for each step that a person would want to know', () => {
    expect(eventLine({ part: 'kind', state: 'planned', expectedMs: 1000 })).toBeUndefined();
    expect(eventLine({ part: 'kind', state: 'working', detail: 'compiling', expectedMs: 65_000 })).toBe(
      'kind: compiling (about 1m 5s in all)',
    );
    expect(eventLine({ part: 'kind', state: 'ready', detail: 'built', tookMs: 3200 })).toBe('kind: built in 3s');
    expect(eventLine({ part: 'kind', state: 'note', detail: 'istio: no answer; building it instead' })).toBe(
      'istio: no answer; building it instead',
    );
  });
});

describe('the list of images', () => {
  const part = { part: 'a', kind: 'image', version: '1', expectedSeconds: 1 } as const;

  it('says where each part is from, and what to type for those that are missing', () => {
    const table = listTable([
      { ...part, state: 'ready', origin: 'pull' },
      { ...part, part: 'b', state: 'missing', module: 'example.com/b' },
    ]);
    expect(table).toContain('image, pulled');
    expect(table).toContain('example.com/b');
    expect(table).toContain('1 are not here');
    expect(table).toContain('./meshwitness images build PART');
  });

  it('says when nothing is missing', () => {
    expect(listTable([{ ...part, state: 'ready', origin: 'build' }])).toContain('All are here.');
  });
});
