import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { course, type Course } from '#support/certificates.ts';
import { diagnose } from '#diagnose/stories.ts';
import type { Story } from '#diagnose/story.ts';

// Recorded on the lab: certificates of a minute by the issuer of the suite, and by Istio's CA, which refuses one of its workloads.
const recorded = (name: string): Course =>
  course.parse(JSON.parse(readFileSync(resolve(import.meta.dirname, 'testdata', `course-${name}.json`), 'utf8')));
const external = recorded('external');
const builtIn = recorded('built-in');

/** The story as it was told after so many lifetimes; without a time, at the end. */
function toldOf(from: Course, workload: string, lifetimes?: number, blind = false) {
  const { start, lifetimeSeconds, proxies, events } = from;
  const proxy = proxies.find((each) => each.workload === workload);
  if (!proxy) throw new Error(`${workload} is not in the recording`);
  const restarts = events.filter((each) => each.workload === workload && each.what === 'restart').map(({ at }) => at);
  const now = new Date(Date.parse(start) + (lifetimes ?? 0) * lifetimeSeconds * 1000).toISOString();
  return diagnose(blind ? { ...proxy, issuer: [], counters: [], handshake: [] } : proxy, {
    lifetimeSeconds,
    start,
    ...(restarts.length > 0 && { restarts }),
    ...(lifetimes !== undefined && { now }),
  });
}

describe('what was recorded on the lab', () => {
  it.each<[workload: string, lifetimes: number | undefined, story: Story, fault: boolean]>([
    ['front-end', undefined, 'rotating', false],
    ['catalogue', undefined, 'rotating', false],
    ['catalogue-stale', 0.8, 'undecided', false],
    ['catalogue-stale', 0.95, 'stale-repush', true],
    ['catalogue-stale', 1.35, 'stale-repush', true],
    ['catalogue-stale-older-envoy', undefined, 'stale-repush', true],
    ['carts', undefined, 'issuer-silent', true],
    ['orders', 0.7, 'stream-lost', true],
    ['orders', undefined, 'stream-recovered', false],
    ['payment', 1.3, 'stream-lost', true],
    ['payment', undefined, 'stream-recovered', true],
    ['shipping', 1.05, 'issuer-silent', true],
    ['shipping', undefined, 'late-renewal', true],
    ['user', 0.99, 'rejected-update', true],
    ['queue-master', 0.99, 'identity-mismatch', true],
  ])('%s after %s lifetimes: %s', (workload, lifetimes, story, fault) => {
    expect(toldOf(external, workload, lifetimes)).toMatchObject({ story, fault });
  });

  it('masked by a restart, and not cured', () => {
    expect(toldOf(external, 'catalogue-stale', 2.6)).toMatchObject({ story: 'stale-repush', masked: true });
  });

  it('an issuer that closes each stream delivers all the same', () => {
    const { story, because } = toldOf(external, 'user');
    // Its first certificate had ended before, under an issuer that sent what did not fit.
    expect(story).toBe('late-renewal');
    expect(because.join()).toMatch(/\d{3} streams were opened: the issuer closes them/);
  });

  it("Istio's CA that refuses to sign: its agent closes the stream", () => {
    expect(toldOf(builtIn, 'built-in-refused')).toMatchObject({ story: 'stream-lost', fault: true });
  });

  it('is a fault too with the pages of a cluster that keeps no counters', () => {
    for (const [workload, story] of [
      ['catalogue-stale-older-envoy', 'stale-repush'],
      ['carts', 'not-renewed'],
      ['front-end', 'rotating'],
    ] as const)
      expect(toldOf(external, workload, undefined, true).story).toBe(story);
  });

  it('rings its alarm a sixth of the lifetime before the end', () => {
    for (const workload of ['catalogue-stale', 'carts', 'shipping']) {
      const [alarm] = toldOf(external, workload).alarms;
      expect(Date.parse(alarm?.endsAt ?? '') - Date.parse(alarm?.at ?? '')).toBe(10_000);
    }
    expect(toldOf(external, 'front-end').alarms).toEqual([]);
  });
});
