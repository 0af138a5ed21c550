import { describe, expect, it } from 'vitest';
import type { Evidence } from '#support/evidence.ts';
import { differencesOf, usual } from '#verdict/differences.ts';
import type { Finding, VerdictLine } from '#verdict/result.ts';

const finding = (seen: string, more: Partial<Finding> = {}): Finding => ({
  expectation: 'matched-cluster',
  state: 'met',
  witness: { kind: 'source-log', from: 'envoy-gateway' },
  probe: 'login',
  expected: 'cluster outbound|8081||auth-identity',
  seen,
  control: false,
  ...more,
});

const line = (product: string, findings: Finding[], more: Partial<VerdictLine> = {}): VerdictLine => ({
  schema: 1,
  id: 'GS-02',
  verdict: 'pass',
  reason: '',
  unstable: false,
  witnesses: [],
  findings,
  attempts: 1,
  durationMs: 1,
  product,
  ...more,
});

const texts = (one: VerdictLine, other: VerdictLine, evidence?: (line: VerdictLine) => Evidence): string[] =>
  differencesOf([one, other], evidence).map(({ text }) => text);

describe('differences between control planes', () => {
  it('are none where only names, addresses, pods and times differ', () => {
    const one = finding('10.10.0.7:8081 of auth-identity-6658dddbc5-dz9tv in semaphore after 3 ms');
    const other = finding('10.10.0.31:8081 of auth-identity-997bb7644a-2glp9 in semaphore-older after 12 ms');
    expect(texts(line('istio-current', [one]), line('istio-older', [other]))).toEqual([]);
  });

  it('are told in words, with what each of the two saw', () => {
    const found = texts(
      line('istio-current', [finding('flags UC')]),
      line('istio-older', [finding('flags UF', { state: 'broken' })], { verdict: 'fail' }),
    );
    expect(found).toEqual([
      'istio-current says pass, istio-older fail',
      'matched-cluster (login), source-log envoy-gateway: "flags UC" under istio-current, "flags UF (broken)" under istio-older',
    ]);
  });

  it('are found in access logs that no expectation asked about, once however many calls show it', () => {
    const evidence = ({ product }: VerdictLine): Evidence => ({
      schema: 1,
      check: 'GS-02',
      collectedAt: '',
      names: {},
      params: {},
      capabilities: [],
      loads: [],
      facts: {},
      probes: ['login', 'users'].map((name) => ({
        name,
        role: 'subject',
        id: `mw-${name}`,
        from: 'edge',
        to: 'auth-identity',
        order: 0,
        request: { method: 'GET', url: '', headers: {} },
        client: { id: '', outcome: 'response', timingsMs: { total: 1 } },
        silent: [],
        accessLog: [
          {
            proxy: { cluster: 'main', namespace: 'semaphore', pod: 'p', workload: 'envoy-gateway', side: 'source' },
            entry: {
              startTime: '',
              responseCode: 200,
              upstreamCluster: product === 'istio-current' ? 'outbound|8081||a;' : 'outbound|8081||a',
            },
          },
        ],
      })),
    });
    expect(texts(line('istio-current', []), line('istio-older', []), evidence)).toEqual([
      'istio-current writes ";" where istio-older writes nothing; upstreamCluster in the log of envoy-gateway (login): ' +
        '"outbound|8081||a;" under istio-current, "outbound|8081||a" under istio-older (and in 1 more places)',
    ]);
  });

  it('are not sought where only one product ran, nor among twins', () => {
    expect(differencesOf([line('istio-current', [])])).toEqual([]);
    const twins = ['istio-current', 'istio-older'].map((each) => line(each, [], { twin: 't', verdict: 'caught' }));
    expect(differencesOf([...twins.slice(0, 1), { ...twins[1]!, verdict: 'missed' }])).toEqual([]);
  });
});

describe('usual', () => {
  it('keeps what tells versions apart', () => {
    expect(usual('outbound|8081||auth-identity.semaphore-older.svc.cluster.local;')).toBe(
      'outbound|8081||auth-identity.semaphore.svc.cluster.local;',
    );
  });
});
