import { describe, expect, it } from 'vitest';
import { lookMs, Signals } from '#diagnose/signals.ts';

const of = (counters: Record<string, [number, number][]>): Signals =>
  new Signals({ counters: Object.entries(counters).map(([stat, points]) => ({ stat, points })) }, 1_000_000);
const at = (seconds: number): number => 1_000_000 + seconds * 1000;
const state = 'sds.default.control_plane.connected_state';
const active = 'cluster.sds-grpc.upstream_cx_active';

describe('Signals', () => {
  it('tells absent from zero', () => {
    const signals = of({ [state]: [[0, 0]] });
    expect(signals.value(state, at(1))).toBe(0);
    expect(signals.connected(at(1))).toBe(false);
    expect(signals.increase('sds.default.update_success', at(0), at(9))).toBeUndefined();
    expect(of({}).connected(at(1))).toBeUndefined();
  });

  it('takes the state of the stream before that of the connection', () => {
    expect(of({ [state]: [[0, 0]], [active]: [[0, 1]] }).connected(at(1))).toBe(false);
    expect(of({ [active]: [[0, 1]] }).connected(at(1))).toBe(true);
  });

  it('sees an outage from its first look on, and that it ends', () => {
    const points: [number, number][] = [
      [0, 1],
      [22, 0],
      [62, 1],
      [90, 0],
    ];
    expect(of({ [state]: points }).outages()).toEqual([{ from: at(22), to: at(62) }, { from: at(90) }]);
    // One that began before the first look was no outage of this course.
    expect(of({ [state]: [[0, 0]] }).outages()).toEqual([]);
  });

  // As counted by a proxy whose issuer was away for 40 s: every attempt that finds nobody is destroyed by the other end.
  it('counts one reconnect, however often it was tried', () => {
    const signals = of({
      'cluster.sds-grpc.upstream_cx_destroy_remote': [
        [0, 0],
        [22, 11],
        [37, 13],
      ],
      'cluster.sds-grpc.upstream_cx_connect_fail': [
        [0, 0],
        [22, 10],
        [37, 12],
      ],
    });
    expect(signals.reconnects(at(0), at(90))).toBe(1);
  });

  it('knows a new process by counters that begin anew', () => {
    const points: [number, number][] = [
      [0, 6],
      [28, 7],
      [98, 2],
    ];
    expect(of({ 'sds.default.update_success': points }).restarts()).toEqual([at(98)]);
    expect(of({ 'sds.default.update_success': points.slice(0, 2) }).restarts()).toEqual([]);
  });

  it('allows sources as much delay as there is between two looks', () => {
    const run = (first: string, last: string, looks: number) => ({ first, last, looks });
    const dump = [run('2026-01-01T00:00:00Z', '2026-01-01T00:00:36Z', 10)];
    expect(lookMs({ dump, certs: [] })).toBe(6000);
    expect(lookMs({ dump: [], certs: [] })).toBe(2000);
  });
});
