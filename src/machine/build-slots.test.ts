import { describe, expect, it } from 'vitest';
import { makeSlots } from '#machine/build-slots.ts';

describe('compilations at once', () => {
  it.each([
    { cores: 2, gigabytes: 24, compilations: 1 },
    { cores: 8, gigabytes: 24, compilations: 2 },
    { cores: 8, gigabytes: 6, compilations: 1 },
    { cores: 1, gigabytes: 2, compilations: 1 },
  ])('$compilations on $cores cores with $gigabytes GB', ({ cores, gigabytes, compilations }) => {
    expect(makeSlots(cores, gigabytes * 2 ** 30).compile.concurrency).toBe(compilations);
  });
});
