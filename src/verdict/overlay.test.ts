import { describe, expect, it } from 'vitest';
import type { Manifest } from '#lab/cluster.ts';
import { patchAnnotation, withPatches } from '#verdict/overlay.ts';
import { stepLabel, twinLabel } from '#verdict/steps.ts';

const policy = {
  kind: 'SecurityPolicy',
  metadata: { name: 'oauth', labels: { [stepLabel]: 'policy' } },
  spec: { oidc: { scopes: ['openid', 'email'], logoutPath: '/logout' } },
};
const patch = (of: string, labels: Record<string, string>, spec: object): Manifest & { spec: object } => ({
  kind: 'SecurityPolicy',
  metadata: { name: 'oauth', labels, annotations: { [patchAnnotation]: of } },
  spec,
});

describe('a document that patches another', () => {
  it('is the other with what it changes, under its own step', () => {
    const narrow = patch('policy', { [stepLabel]: 'narrow' }, { oidc: { scopes: ['openid'], logoutPath: null } });
    const [first, second] = withPatches([policy, narrow]);
    expect(first).toBe(policy);
    expect(second).toMatchObject({ metadata: { name: 'oauth', labels: { [stepLabel]: 'narrow' } } });
    expect(second).toHaveProperty('spec', { oidc: { scopes: ['openid'] } });
    expect(second?.metadata.annotations).toEqual({});
    expect(policy.spec.oidc.scopes).toEqual(['openid', 'email']);
  });

  it('takes its place under the same step, and is what a twin patches then', () => {
    const own = patch('policy', { [stepLabel]: 'policy' }, { oidc: { logoutPath: '/out' } });
    const twin = patch('policy', { [stepLabel]: 'policy', [twinLabel]: 'lax' }, { oidc: { scopes: [] } });
    const found = withPatches([policy, own, twin]);
    expect(found).toHaveLength(2);
    expect(found[0]).toHaveProperty('spec.oidc', { scopes: ['openid', 'email'], logoutPath: '/out' });
    expect(found[1]).toHaveProperty('spec.oidc', { scopes: [], logoutPath: '/out' });
  });

  it('must find what it changes', () => {
    expect(() => withPatches([policy, patch('polcy', {}, {})])).toThrow(/SecurityPolicy oauth patches step polcy/);
  });
});
