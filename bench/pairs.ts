import { cpus } from 'node:os';

/** Wall time of one act, in milliseconds. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await act();
  return performance.now() - start;
}

/** Counts from now on how many cores of this machine are busy, whoever keeps them so. @returns what tells it */
export function busyCores(): () => number {
  const before = cpus();
  return () => {
    const shares = cpus().map(({ times }, core) => {
      const idle = times.idle - (before[core]?.times.idle ?? 0);
      const all = sum(times) - sum(before[core]?.times ?? {});
      return 1 - idle / all;
    });
    return shares.reduce((busy, share) => busy + share, 0);
  };
}

const sum = (times: Record<string, number>): number => Object.values(times).reduce((all, each) => all + each, 0);

/** Of no values it is NaN. */
export const mean = (values: readonly number[]): number => values.reduce((all, each) => all + each, 0) / values.length;

/** Middle value; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const [low = Number.NaN, high = low] = [
    sorted[Math.floor((sorted.length - 1) / 2)],
    sorted[Math.ceil((sorted.length - 1) / 2)],
  ];
  return (low + high) / 2;
}

/** Does both acts in turn, so that whatever else the machine does falls on both. @returns times of each, in milliseconds */
export async function inPairs(
  rounds: number,
  one: () => Promise<number>,
  other: () => Promise<number>,
): Promise<{ one: number[]; other: number[] }> {
  const times = { one: [] as number[], other: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    times.one.push(await one());
    times.other.push(await other());
  }
  return times;
}

/** `12.3 s` from milliseconds. */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
