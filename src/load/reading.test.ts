import { describe, expect, it } from 'vitest';
import { LoadReading } from '#load/reading.ts';
import type { ScriptStream } from '#load/script-input.ts';

const stream = (startMs: number): ScriptStream => ({
  url: 'http://backend',
  headers: {},
  rate: 10,
  startMs,
  durationMs: 5_000,
  warmUpMs: 0,
  slowMs: 250,
  timeoutMs: 2_000,
  status: 200,
  clients: 4,
  thresholds: { failures: ['rate==0'], latency: [] },
});
const start = Date.parse('2026-11-25T23:00:00.000Z');
const failure = (index: number, afterMs: number, status: number): string =>
  JSON.stringify({ event: 'failure', stream: index, at: start + afterMs, status, code: 0, sequence: 1 });
const result = (sent: number, answered: Record<string, number>) => ({
  durationMs: 5_000,
  sent,
  answered,
  dropped: 0,
  latencyMs: null,
  thresholds: {},
});

function read(...lines: string[]): LoadReading {
  const reading = new LoadReading({ streams: [stream(0), stream(5_000)] });
  reading.restart();
  for (const line of [JSON.stringify({ event: 'started', at: start }), ...lines]) reading.take(line);
  return reading;
}

describe('LoadReading', () => {
  it('has no result before the end', () => {
    const reading = read();
    expect([reading.started, reading.ended, reading.results(false)]).toEqual([true, false, undefined]);
  });

  it('tells failures by the second of their stream', () => {
    const reading = read(
      failure(0, 1_200, 503),
      failure(0, 1_900, 0),
      failure(1, 6_100, 503),
      JSON.stringify({
        event: 'ended',
        results: [result(50, { 200: 48, 503: 1, 0: 1 }), result(50, { 200: 49, 503: 1 })],
      }),
    );
    expect(reading.results(false)).toMatchObject([
      { failed: 2, startedAt: '2026-11-25T23:00:00.000Z', failures: [{ second: 1, byStatus: { 503: 1, 0: 1 } }] },
      { failed: 1, startedAt: '2026-11-25T23:00:05.000Z', failures: [{ second: 1, byStatus: { 503: 1 } }] },
    ]);
  });

  it('counts what has no outcome as failed, unless the load was told to stop', () => {
    const reading = read(JSON.stringify({ event: 'ended', results: [result(50, { 200: 48 }), result(0, {})] }));
    expect(reading.results(false)?.[0]).toMatchObject({ failed: 2, interrupted: 0 });
    expect(reading.results(true)?.[0]).toMatchObject({ failed: 0, interrupted: 2 });
  });

  it('leaves out the failures of requests that a stop cut off', () => {
    const ended = JSON.stringify({ event: 'ended', results: [result(50, { 200: 47, 0: 1 }), result(0, {})] });
    const reading = read(failure(0, 500, 0), failure(0, 4_000, 0), failure(0, 4_001, 0), ended);
    expect(reading.results(true)?.[0]?.failures).toEqual([{ second: 0, byStatus: { 0: 1 } }]);
  });

  it('forgets what it read when the log is read again', () => {
    const reading = read(failure(0, 100, 503));
    reading.restart();
    reading.take(JSON.stringify({ event: 'ended', results: [result(1, { 200: 1 }), result(1, { 200: 1 })] }));
    expect(reading.results(false)?.[0]).toMatchObject({ failed: 0, failures: [] });
  });

  it('takes no notice of a line that a kill cut off', () => {
    expect(read('{"event":"ended","resu').ended).toBe(false);
  });

  it('keeps the last words of k6 itself', () => {
    expect(read('', 'GoError: no such file', '').lastWords).toBe('GoError: no such file');
  });
});
