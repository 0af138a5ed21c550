import { describe, expect, it } from 'vitest';
import { decidePreflight, type PlaintextPair, type PreflightFacts, type ProxyFacts } from '#gate/preflight.ts';

const proxy = (more: Partial<ProxyFacts> = {}): ProxyFacts => ({
  workload: 'auth-identity',
  pod: 'auth-identity-1',
  state: 'told',
  calls: 7,
  serves: true,
  ...more,
});
const pair = (more: Partial<PlaintextPair> = {}): PlaintextPair => ({
  source: 'outside/edge',
  address: '10.1.0.7',
  sidecar: false,
  destination: 'auth-identity',
  port: 8081,
  count: 1,
  lastSeen: '2026-11-21T03:40:00.000Z',
  outcome: 'accepted',
  ...more,
});
const facts = (more: Partial<PreflightFacts> = {}): PreflightFacts => ({
  schema: 1,
  context: 'staging',
  namespace: 'semaphore',
  since: '2026-11-21T03:30:00.000Z',
  until: '2026-11-21T03:40:00.000Z',
  proxies: [proxy()],
  plaintext: [],
  openPorts: [],
  unmeshed: [],
  notes: [],
  ...more,
});

describe('the decision before the flip', () => {
  it('is GO when every proxy told how its calls came in, and none came in plaintext', () => {
    expect(decidePreflight(facts())).toEqual({ verdict: 'GO', reasons: [] });
  });

  it('is NO-GO for one plaintext call, and names who spoke to whom', () => {
    expect(decidePreflight(facts({ plaintext: [pair()] }))).toEqual({
      verdict: 'NO-GO',
      reasons: ['outside/edge (no sidecar) spoke plaintext to auth-identity port 8081 once'],
    });
  });

  it('is NO-GO for a caller that is refused already', () => {
    const { verdict, reasons } = decidePreflight(facts({ plaintext: [pair({ outcome: 'refused', count: 3 })] }));
    expect(verdict).toBe('NO-GO');
    expect(reasons[0]).toContain('3 times, and was refused');
  });

  it('passes over a port that an exception keeps open', () => {
    expect(
      decidePreflight(facts({ plaintext: [pair({ exception: 'PeerAuthentication a/b, port level' })] })).verdict,
    ).toBe('GO');
  });

  it.each(['text', 'untold', 'unread'] as const)('is never GO with a proxy that is %s, idle or not', (state) => {
    const unsure = facts({ proxies: [proxy(), proxy({ state })] });
    expect(decidePreflight(unsure, { idleOk: true }).verdict).toBe('INCONCLUSIVE');
  });

  it.each(['quiet', 'silent'] as const)('leaves it to the operator whether a %s proxy is idle', (state) => {
    const idle = facts({ proxies: [proxy(), proxy({ state, calls: 0 })] });
    expect(decidePreflight(idle).verdict).toBe('INCONCLUSIVE');
    expect(decidePreflight(idle, { idleOk: true }).verdict).toBe('GO');
    const onlyCalls = facts({ proxies: [proxy(), proxy({ state, calls: 0, serves: false })] });
    expect(decidePreflight(onlyCalls).verdict).toBe('GO');
  });

  it('is never GO when nobody called anybody', () => {
    const dead = facts({ proxies: [proxy({ state: 'quiet', calls: 0 })] });
    expect(decidePreflight(dead, { idleOk: true })).toEqual({
      verdict: 'INCONCLUSIVE',
      reasons: ['nobody called anybody in the window'],
    });
  });

  it('is NO-GO for what was seen, whatever could not be seen', () => {
    const both = facts({ plaintext: [pair()], proxies: [proxy({ state: 'text' })] });
    expect(decidePreflight(both).verdict).toBe('NO-GO');
  });
});
