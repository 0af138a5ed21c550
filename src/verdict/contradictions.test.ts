import { describe, expect, it } from 'vitest';
import { probeEvidence, type ProbeEvidence } from '#support/evidence.ts';
import { contradictions } from '#verdict/contradictions.ts';

const receipt = {
  probeId: 'p1',
  pod: 'echo-1',
  method: 'GET',
  path: '/',
  httpVersion: '1.1',
  headers: {},
  peer: { uri: null, address: '10.0.0.1', port: 1 },
  attempt: 1,
  bytes: 0,
  receivedAt: '2026-11-21T00:00:00Z',
};
const proxy = { cluster: 'main', namespace: 'sem', pod: 'echo-1', workload: 'echo', side: 'destination' as const };

function probe(client: object, rest: Partial<ProbeEvidence>): ProbeEvidence {
  return probeEvidence.parse({
    name: 'login',
    role: 'subject',
    id: 'p1',
    from: 'edge',
    to: 'echo',
    request: { method: 'GET', url: 'http://echo/', headers: {} },
    client: { id: 'p1', timingsMs: { total: 1 }, ...client },
    ...rest,
  });
}

describe('contradictions', () => {
  it('finds none where witnesses agree', () => {
    const client = { outcome: 'response', status: 200, body: '{"probeId":"p1"}' };
    const entry = { startTime: '', responseCode: 200, responseCodeDetails: 'via_upstream' };
    expect(contradictions(probe(client, { receipts: [receipt], accessLog: [{ proxy, entry }] }))).toEqual([]);
  });

  it.each([
    [
      'an answer that no backend gave',
      { outcome: 'response', status: 200, body: '{"probeId":"p1"}' },
      { receipts: [] },
    ],
    ['a call received that could not connect', { outcome: 'refused' }, { receipts: [receipt] }],
    [
      'a denied call that was received',
      { outcome: 'response', status: 403 },
      {
        receipts: [receipt],
        accessLog: [
          {
            proxy,
            entry: { startTime: '', responseCode: 403, responseCodeDetails: 'rbac_access_denied_matched_policy[none]' },
          },
        ],
      },
    ],
    [
      'a backend that answered without a receipt',
      { outcome: 'response', status: 200 },
      {
        receipts: [],
        accessLog: [{ proxy, entry: { startTime: '', responseCode: 200, responseCodeDetails: 'via_upstream' } }],
      },
    ],
  ])('finds %s', (_, client, rest) => {
    expect(contradictions(probe(client, rest))).toHaveLength(1);
  });

  it('says nothing of witnesses that were not asked', () => {
    expect(contradictions(probe({ outcome: 'response', status: 200, body: '{"probeId":"p1"}' }, {}))).toEqual([]);
  });
});
