import { describe, expect, it } from 'vitest';
import { prioritiesOf } from '#machine/parts-priority.ts';
import { loadVersions } from '#machine/versions.ts';

describe('priorities of parts', async () => {
  const priorities = prioritiesOf(await loadVersions(), ['node-smoke']);
  const first = (slot: 'download' | 'compile', ...parts: string[]) =>
    parts.toSorted((a, b) => (priorities.get(b)?.[slot] ?? 0) - (priorities.get(a)?.[slot] ?? 0));

  it('compile first what most is made from afterwards', () => {
    expect(first('compile', 'istio-current-binaries', 'coredns', 'kubernetes')).toEqual([
      'kubernetes',
      'coredns',
      'istio-current-binaries',
    ]);
  });

  it('fetch first what takes longest from there to the end', () => {
    expect(first('download', 'coredns', 'istio-current-binaries', 'kubernetes')).toEqual([
      'kubernetes',
      'istio-current-binaries',
      'coredns',
    ]);
  });
});
