import { totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { makeSlots } from '#machine/build-slots.ts';

describe('compilations', () => {
  it.runIf(totalmem() >= 8 * 2 ** 30)('go two at once when the first has ended, and the first alone', async () => {
    const { compile } = makeSlots();
    const [first, ...others] = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    const ended = [first, ...others].map((each) => compile.add(async () => each?.promise));
    expect([compile.pending, compile.size]).toEqual([1, 3]);
    first?.resolve();
    await ended[0];
    await expect.poll(() => [compile.pending, compile.size]).toEqual([2, 1]);
    others.forEach(({ resolve }) => resolve());
    await Promise.all(ended);
  });
});
