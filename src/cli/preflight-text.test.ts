import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { preflightText } from '#cli/preflight-text.ts';
import { decidePreflight, type PreflightFacts } from '#gate/preflight.ts';

const pair = {
  source: 'outside/edge',
  address: '10.1.0.7',
  sidecar: false,
  destination: 'beacon',
  port: 8084,
  count: 2,
  lastSeen: '2026-11-21T03:39:59.123Z',
  outcome: 'accepted',
} as const;
const exception = 'PeerAuthentication semaphore/gateway, port level';
const facts: PreflightFacts = {
  schema: 1,
  context: 'staging',
  namespace: 'semaphore',
  since: '2026-11-21T03:30:00.000Z',
  until: '2026-11-21T03:40:00.000Z',
  proxies: [
    { workload: 'beacon', pod: 'beacon-1', state: 'told', calls: 5, serves: true },
    { workload: 'academics', pod: 'academics-1', state: 'text', calls: 0, serves: true },
    { workload: 'stranger', pod: 'stranger-1', state: 'silent', calls: 0, serves: false },
  ],
  plaintext: [pair, { ...pair, destination: 'gateway', port: 8080, exception }],
  openPorts: [
    { workload: 'gateway', port: 8080, mode: 'PERMISSIVE', by: exception },
    { workload: 'gateway', port: 8090, mode: 'PERMISSIVE', by: exception },
  ],
  unmeshed: [{ workload: 'cron', pods: 1, calls: 0 }],
  notes: ['context staging may not list Services of semaphore'],
};
const text = (of: PreflightFacts): string => stripVTControlCharacters(preflightText(of, decidePreflight(of)));

describe('what a person reads', () => {
  it('names every pair, its port and when it was last seen, what stays open, and who cannot tell', () => {
    const lines = text(facts).split('\n');
    const line = (...words: string[]) => lines.find((each) => words.every((word) => each.includes(word)));
    expect(lines[0]).toContain('namespace semaphore of staging; calls of 2026-11-21 03:30:00');
    expect(line('outside/edge (no sidecar)', 'beacon', '8084', '2026-11-21 03:39:59')).toBeDefined();
    expect(line('outside/edge', 'gateway', '8080', exception)).toBeDefined();
    expect(line('gateway', '8080, 8090', 'PERMISSIVE')).toBeDefined();
    expect(line('academics-1', 'not JSON')).toBeDefined();
    expect(line('stranger-1')).toBeUndefined();
    expect(line('cron')).toBeDefined();
    expect(line('Note: context staging may not list Services')).toBeDefined();
    expect(lines.at(-1)).toBe('NO-GO: 1 pair of a caller and a port would be cut off');
  });

  it('leaves out what there is none of', () => {
    const [beacon] = facts.proxies;
    const clear = { ...facts, proxies: beacon ? [beacon] : [], plaintext: [], openPorts: [], unmeshed: [], notes: [] };
    expect(text(clear).split('\n')).toEqual([
      expect.stringContaining('5 calls at 1 proxy'),
      '',
      'GO: nobody was seen who would be cut off',
    ]);
  });
});
