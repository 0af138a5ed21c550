import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { course, type Course } from '#support/certificates.ts';
import { geometry } from '#report/page/timeline-drawing.ts';
import { timelinesOf } from '#report/page/timeline.ts';

// Recorded on the lab: certificates of a minute, watched for 165 s.
const recorded: Course = course.parse(
  JSON.parse(readFileSync(resolve(import.meta.dirname, '../testdata/course.json'), 'utf8')),
);
const lines = timelinesOf(recorded);
const of = (workload: string) => lines.find((line) => line.workload === workload);
const lane = (workload: string, label: string) => of(workload)?.lanes.find((each) => each.label === label)?.bars ?? [];

describe('timelinesOf', () => {
  it('shows the certificates that ended first', () => {
    expect(lines.map(({ workload, marks }) => [workload, marks.length])).toEqual([
      ['catalogue-stale', 4],
      ['catalogue-stale-older-envoy', 2],
      ['user', 2],
      ['catalogue', 0],
    ]);
  });

  it('draws the alarm a sixth of the lifetime before the end', () => {
    const [alarm, expiry] = of('user')?.marks ?? [];
    expect([alarm?.text, expiry?.text]).toEqual(['alarm 50 s', 'expired 60 s']);
    const perSecond = (geometry.right - geometry.left) / 165.4;
    expect((expiry?.x ?? 0) - (alarm?.x ?? 0)).toBeCloseTo(10 * perSecond, 0);
  });

  it('gives a serial one colour in all lanes, and neighbours different ones', () => {
    const signed = lane('catalogue', 'issuer signed').map(({ look }) => look);
    for (const source of ['/config_dump', '/certs', 'handshake'])
      expect(signed.join()).toContain(
        lane('catalogue', source)
          .map(({ look }) => look)
          .join(),
      );
    expect(signed.every((look, index) => look !== signed[index + 1])).toBe(true);
  });

  it('marks what is served after its end, and where the dump moved under the same serial', () => {
    const [dump] = lane('catalogue-stale-older-envoy', '/config_dump');
    expect(dump?.moves.length).toBeGreaterThanOrEqual(5);
    expect(dump?.expiredFrom).toBeCloseTo(of('catalogue-stale-older-envoy')?.marks[1]?.x ?? 0, 1);
    expect(lane('catalogue-stale-older-envoy', '/certs')[0]?.moves).toEqual([]);
  });

  it('shows a rejected certificate in the dump, and the old one where it is served', () => {
    expect(new Set(lane('user', '/config_dump').map(({ look }) => look)).size).toBeGreaterThan(1);
    expect(lane('user', '/certs')).toHaveLength(1);
  });

  it('puts open and fresh connections side by side, failures in red from the end on', () => {
    expect(lane('user', 'keep-alive ← front-end').map(({ look }) => look)).toEqual(['answered']);
    expect(lane('user', 'fresh ← front-end').map(({ look, text }) => [look, text])).toEqual([
      ['answered', ''],
      ['failed', '503 URX,UF'],
    ]);
    expect(of('user')?.summary).toMatch(
      /^1 certificate served; alarm 50 s; expired 60 s; \d+ of 122 fresh calls from front-end failed/,
    );
  });

  it('stays inside the drawing', () => {
    for (const { lanes } of lines)
      for (const { x, width } of lanes.flatMap(({ bars }) => bars)) {
        expect(x).toBeGreaterThanOrEqual(geometry.left);
        expect(x + width).toBeLessThanOrEqual(geometry.right + 2);
      }
  });

  it('draws nothing of an empty course, and survives one without sources', () => {
    expect(timelinesOf({ ...recorded, proxies: [] })).toEqual([]);
    const bare = {
      ...recorded,
      proxies: recorded.proxies.map((each) => ({ ...each, issuer: [], dump: [], certs: [], handshake: [] })),
    };
    expect(timelinesOf({ ...bare, calls: [] }).every(({ calm }) => calm)).toBe(true);
  });
});
