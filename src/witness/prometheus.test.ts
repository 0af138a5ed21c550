import { describe, expect, it } from 'vitest';
import type { PodHttp } from '#lab/forward.ts';
import { evaluate, lastErrors } from '#witness/prometheus.ts';

/** A Prometheus that answers every question so, as version 2.53 does. */
function answering(page: unknown): PodHttp & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    request: () => Promise.reject(new Error('not used')),
    json: <T>(path: string) => Promise.resolve((asked.push(path), page as T)),
  };
}

describe('a PromQL expression', () => {
  it('gives one sample for each series of an instant vector', async () => {
    const prometheus = answering({
      status: 'success',
      data: { resultType: 'vector', result: [{ metric: { job: 'a' }, value: [1764110000.123, '1'] }] },
    });
    expect(await evaluate(prometheus, 'up{job="a"}', { time: 1764110000.5 })).toEqual([
      { labels: { job: 'a' }, samples: [{ time: 1764110000.123, value: 1 }] },
    ]);
    expect(prometheus.asked).toEqual(['/api/v1/query?query=up%7Bjob%3D%22a%22%7D&time=1764110000.500']);
  });

  it('gives the raw samples of a range', async () => {
    const values = [
      [1, '0'],
      [2, '+Inf'],
    ];
    const prometheus = answering({ data: { resultType: 'matrix', result: [{ metric: {}, values }] } });
    expect(await evaluate(prometheus, 'up[2s]')).toEqual([
      {
        labels: {},
        samples: [
          { time: 1, value: 0 },
          { time: 2, value: Infinity },
        ],
      },
    ]);
  });

  it('gives a scalar without labels', async () => {
    const prometheus = answering({ data: { resultType: 'scalar', result: [7, '7'] } });
    expect(await evaluate(prometheus, 'time()')).toEqual([{ labels: {}, samples: [{ time: 7, value: 7 }] }]);
  });
});

describe('the targets of a job', () => {
  it('say why their last scrape failed', async () => {
    const target = (job: string, lastError: string) => ({ labels: { job }, lastError, health: 'up' });
    const page = { data: { activeTargets: [target('a', 'EOF'), target('b', '')] } };
    expect(await lastErrors(answering(page), 'a')).toEqual(['EOF']);
  });
});
