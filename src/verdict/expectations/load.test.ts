import { describe, expect, it } from 'vitest';
import type { LoadEvidence, LoadLedger, LoadResult } from '#support/load-evidence.ts';
import {
  cameFrom,
  certificatesSeen,
  failedWithin,
  latencyWithin,
  ledgerComplete,
  rateReached,
  thresholdsHeld,
  zeroFailures,
  zeroFailuresAfter,
} from '#verdict/expectations/load.ts';

const client: LoadResult = {
  rate: 50,
  durationMs: 10_000,
  sent: 500,
  answered: { 200: 500 },
  failed: 0,
  dropped: 0,
  interrupted: 0,
  latencyMs: { p50: 2, p95: 4, p99: 9, max: 20 },
  thresholds: { 'failures rate==0': true },
  startedAt: '2026-11-25T23:00:00.000Z',
  failures: [],
  slow: [],
};
const ledger: LoadLedger = {
  received: 500,
  repeated: 0,
  gaps: [],
  answered: { 200: 500 },
  broken: 0,
  callers: { 'spiffe://cluster.local/ns/a/sa/gateway': 500 },
  certificates: { none: { requests: 1, firstAt: '', lastAt: '' }, aa: { requests: 499, firstAt: '', lastAt: '' } },
};
const load = (result: Partial<LoadResult> = {}, page: Partial<LoadLedger> = {}): LoadEvidence => ({
  name: 'kept',
  from: 'semaphore-outside',
  url: 'http://backend',
  client: { ...client, ...result },
  ledgers: { backend: { ...ledger, ...page } },
  silent: [],
});
const all = [
  zeroFailures,
  failedWithin(0.01),
  rateReached(),
  latencyWithin({ p50: 5, p99: 10 }),
  thresholdsHeld,
  ledgerComplete('backend'),
];
const states = (evidence: LoadEvidence): string[] =>
  all.flatMap((each) => each(evidence)).map(({ expectation, state }) => `${expectation}: ${state}`);
const broken = (evidence: LoadEvidence): string[] =>
  states(evidence).flatMap((each) => (each.endsWith(': broken') ? [each.split(':')[0] ?? ''] : []));

describe('expectations on a load', () => {
  it('are met by a clean run', () => {
    expect(new Set(states(load()).map((each) => each.split(': ')[1]))).toEqual(new Set(['met']));
  });

  it.each([
    ['dropped', { dropped: 1 }],
    ['without a request', { sent: 0 }],
    ['whose thresholds were not evaluated', { thresholds: {} }],
  ])('decide nothing on a run %s', (_, result) => {
    expect(new Set(states(load(result)).map((each) => each.split(': ')[1]))).toEqual(new Set(['missing']));
  });

  it('decide nothing when the sender said nothing, and say why', () => {
    const { client: _, ...silent } = load();
    const [finding] = zeroFailures({ ...silent, silent: [{ witness: 'load kept', reason: 'the pod was evicted' }] });
    expect(finding).toMatchObject({ state: 'missing', seen: 'the pod was evicted' });
  });

  it('tell one failure from a budget of them', () => {
    const one = load({ failed: 1, answered: { 200: 499, 503: 1 } });
    expect(broken(one)).toEqual(['zero-failures']);
    expect(zeroFailures(one)[0]?.seen).toBe('1 of 500 failed (1 × 503)');
  });

  it('leave the warm-up out where they are told to', () => {
    const failing = (second: number) => load({ failed: 1, failures: [{ second, byStatus: { 503: 1 } }] });
    expect([0, 1].map((second) => zeroFailuresAfter(1_000)(failing(second))[0]?.state)).toEqual(['met', 'broken']);
  });

  it('find a crossed threshold, a late answer and a rate that was not reached', () => {
    expect(broken(load({ thresholds: { 'failures rate==0': false } }))).toEqual(['thresholds-held']);
    expect(broken(load({ latencyMs: { p50: 6, p95: 7, p99: 9, max: 20 } }))).toEqual(['latency-within-budget']);
    expect(broken(load({ interrupted: 100, answered: { 200: 400 } }, { received: 400 }))).toEqual(['rate-reached']);
  });

  it('do not blame the mesh for a sender that was late', () => {
    const late = load({ sent: 400, answered: { 200: 400 } }, { received: 400 });
    const seen = 'invalid run: 400 of 500 requests were sent in time';
    expect(rateReached()(late)).toMatchObject([{ state: 'missing', seen }]);
  });

  it.each([
    ['lost one', { received: 499 }],
    ['got one twice', { repeated: 1 }],
    ['got one that nobody sent', { received: 501 }],
  ])('find a backend that %s', (_, page) => {
    expect(broken(load({}, page))).toEqual(['ledger-complete']);
  });

  it('do not blame the mesh for what was on its way when the load was stopped', () => {
    const stopped = { interrupted: 2, answered: { 200: 498 } };
    for (const received of [498, 500]) expect(broken(load(stopped, { received }))).toEqual([]);
    expect(broken(load(stopped, { received: 497 }))).toEqual(['ledger-complete']);
  });

  it('add up the accounts of several backends', () => {
    const two = { ...load(), ledgers: { one: { ...ledger, received: 300 }, two: { ...ledger, received: 200 } } };
    expect(ledgerComplete('one', 'two')(two)[0]?.state).toBe('met');
    expect(ledgerComplete('one', 'three')(two)[0]?.state).toBe('missing');
  });

  it('tell whom the requests came from', () => {
    const gateway = 'spiffe://cluster.local/ns/a/sa/gateway';
    expect(cameFrom('backend', gateway)(load())[0]?.state).toBe('met');
    for (const callers of [[gateway, 'spiffe://cluster.local/ns/a/sa/other'], []])
      expect(cameFrom('backend', ...callers)(load())[0]?.state).toBe('broken');
  });

  it('count the certificates of the caller', () => {
    expect(certificatesSeen('backend', 1)(load())[0]?.state).toBe('met');
    expect(certificatesSeen('backend', 2)(load())[0]).toMatchObject({ state: 'broken', seen: 'aa: 499 requests' });
  });
});
