import { describe, expect, it } from 'vitest';
import { lacksSysResource } from '#machine/capabilities.ts';

describe('bounding set', () => {
  it('lacks CAP_SYS_RESOURCE when bit 24 is clear', () => {
    expect(lacksSysResource('Name:\tnode\nCapEff:\t000001ffffffffff\nCapBnd:\t000001fffeffffff\n')).toBe(true);
  });

  it('has it on an ordinary machine, and in a full set of an older kernel', () => {
    expect(lacksSysResource('CapBnd:\t000001ffffffffff\n')).toBe(false);
    expect(lacksSysResource('CapBnd:\t0000003fffffffff\n')).toBe(false);
  });

  it('is not said to lack anything where there is no such line', () => {
    expect(lacksSysResource('')).toBe(false);
  });
});
