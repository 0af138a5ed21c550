import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Runs, SeriesKeeper } from '#verdict/course/runs.ts';

describe('Runs', () => {
  it('begins a new run only where something else is seen', () => {
    const runs = new Runs<{ serial: string }>();
    for (const [at, serial] of [
      ['1', 'a'],
      ['2', 'a'],
      ['3', 'b'],
      ['4', 'a'],
    ] as const)
      runs.see(at, { serial });
    expect(runs.list).toEqual([
      { serial: 'a', first: '1', last: '2', looks: 2 },
      { serial: 'b', first: '3', last: '3', looks: 1 },
      { serial: 'a', first: '4', last: '4', looks: 1 },
    ]);
  });

  it('loses no look, and never has two runs of the same beside each other', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c')), (seen) => {
        const runs = new Runs<{ serial: string }>();
        seen.forEach((serial, index) => runs.see(String(index), { serial }));
        expect(runs.list.flatMap(({ serial, looks }) => Array.from({ length: looks }, () => serial))).toEqual(seen);
        runs.list.slice(1).forEach(({ serial }, index) => expect(serial).not.toBe(runs.list[index]?.serial));
      }),
    );
  });
});

describe('SeriesKeeper', () => {
  it('keeps a point only where the value changed', () => {
    const series = new SeriesKeeper();
    series.see(0, { up: 1, pushes: 3, 'cluster.a.failures': 0, 'sds.default.update_rejected': 0 });
    series.see(4.04, { up: 1, pushes: 4 });
    series.see(8, { up: 1, pushes: 4 });
    expect(series.list).toEqual([
      { stat: 'up', points: [[0, 1]] },
      {
        stat: 'pushes',
        points: [
          [0, 3],
          [4, 4],
        ],
      },
      { stat: 'sds.default.update_rejected', points: [[0, 0]] },
    ]);
  });
});
