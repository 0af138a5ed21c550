import { describe, expect, it } from 'vitest';
import type { Manifest } from '#lab/cluster.ts';
import { documentsOf, stepLabel, twinLabel, withAddresses } from '#verdict/steps.ts';

const manifest = (name: string, step: string, twin?: string): Manifest => ({
  kind: 'PeerAuthentication',
  metadata: { name, labels: { [stepLabel]: step, ...(twin !== undefined && { [twinLabel]: twin }) } },
});
const manifests = [
  manifest('default', 'strict'),
  manifest('default', 'strict', 'lax'),
  manifest('extra', 'strict', 'lax'),
  manifest('other', 'permissive'),
];
const twinsOf = (found: Manifest[]) => found.map(({ metadata }) => metadata.labels?.[twinLabel]);

describe('documentsOf', () => {
  it("gives a check its own documents and none of its twins'", () => {
    expect(documentsOf('strict', manifests)).toEqual([manifests[0]]);
    expect(documentsOf('strict', manifests, 'another')).toEqual([manifests[0]]);
  });

  it("puts a twin's document in the place of the one of the same kind and name", () => {
    expect(twinsOf(documentsOf('strict', manifests, 'lax'))).toEqual(['lax', 'lax']);
  });

  it('names the nearest step for one that no document has', () => {
    expect(() => documentsOf('strikt', manifests)).toThrow(
      expect.objectContaining({ exitCode: 2, hint: 'did you mean strict?' }),
    );
  });
});

describe('withAddresses', () => {
  it('fills in the addresses of workloads, and leaves other documents as they are', () => {
    const [plain] = manifests;
    if (!plain) throw new Error('no manifest');
    const addressed = { ...plain, spec: { ipBlocks: ['${address:edge-meshed}/32'] } };
    const filled = withAddresses([plain, addressed], (name) => `address of ${name}`);
    expect(filled[0]).toBe(plain);
    expect(filled[1]).toMatchObject({ spec: { ipBlocks: ['address of edge-meshed/32'] } });
  });
});
