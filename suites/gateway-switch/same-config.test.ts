import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonical, firstDifference, staticPart } from './same-config.ts';

describe('two configurations', () => {
  it('are the same whatever the order of their fields', () => {
    expect(canonical({ b: [1, { d: 2, c: 3 }], a: 4 })).toBe(canonical({ a: 4, b: [1, { c: 3, d: 2 }] }));
  });

  it('differ at the path that is named', () => {
    const config = (timeout: string) => ({ static_resources: { clusters: [{ name: 'a', connect_timeout: timeout }] } });
    expect(firstDifference(config('2s'), config('9s'))).toBe(
      'static_resources.clusters.0.connect_timeout: "2s", found "9s"',
    );
    expect(firstDifference({ a: [1] }, { a: [1, 2] })).toBe('a.1: nothing, found 2');
    expect(firstDifference({ a: {} }, { a: 'text' })).toBe('a: {}, found "text"');
    expect(firstDifference({}, { constructor: false })).toBe('constructor: nothing, found false');
  });

  it('have a difference exactly when their canonical texts differ', () => {
    const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean());
    const config = fc.dictionary(fc.stringMatching(/^[a-z_]+$/), leaf);
    fc.assert(
      fc.property(config, config, (a, b) => {
        expect(firstDifference(a, structuredClone(a))).toBeUndefined();
        expect(firstDifference(a, b) === undefined).toBe(canonical(a) === canonical(b));
      }),
    );
  });

  it('are compared by what Envoy was started with, not by what it learned', () => {
    const text = 'admin: {}\nstatic_resources: { clusters: [] }\n';
    expect(staticPart(text)).toEqual(staticPart({ node: { id: 'x' }, admin: {}, static_resources: { clusters: [] } }));
  });
});
