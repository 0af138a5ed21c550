import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Activity, eventLine } from '#machine/images/progress.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('what is done for parts', () => {
  it('is told with the time of the part itself, without what it waited', () => {
    const activity = new Activity();
    activity.note({ part: 'kubernetes', state: 'planned' });
    expect(activity.lines).toEqual([]);
    activity.note({ part: 'kubernetes', state: 'working', detail: 'downloading modules', expectedMs: 240_000 });
    vi.advanceTimersByTime(20_000);
    expect(activity.lines).toEqual(['kubernetes: downloading modules 20s of about 4m']);
    activity.note({ part: 'kubernetes', state: 'waiting' });
    vi.advanceTimersByTime(60_000);
    expect(activity.lines).toEqual([]);
    activity.note({ part: 'kubernetes', state: 'working', detail: 'compiling' });
    vi.advanceTimersByTime(10_000);
    expect(activity.lines).toEqual(['kubernetes: compiling 30s']);
  });

  it('is a line of its own when each step begins and when the part is there', () => {
    expect(eventLine({ part: 'kind', state: 'working', detail: 'compiling', expectedMs: 15_000 })).toBe(
      'kind: compiling (about 15s in all)',
    );
    expect(eventLine({ part: 'kind', state: 'waiting' })).toBeUndefined();
    expect(eventLine({ part: 'kind', state: 'ready', detail: 'built', tookMs: 4_000 })).toBe('kind: built in 4s');
    expect(eventLine({ part: 'kind', state: 'note', detail: 'a word' })).toBe('a word');
  });
});
