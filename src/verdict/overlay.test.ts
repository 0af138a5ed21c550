import { describe, expect, it } from 'vitest';
import type { Manifest } from '#lab/cluster.ts';
import { patchAnnotation, withPatches } from '#verdict/overlay.ts';
import { stepLabel } from '#verdict/steps.ts';

const policy = {
  kind: 'SecurityPolicy',
  metadata: { name: 'oauth', labels: { [stepLabel]: 'policy' } },
  spec: { oidc: { scopes: ['openid', 'email'], logoutPath: '/logout' } },
};
const patchOf = (step: string, spec: object): Manifest & { spec: object } => ({
  kind: 'SecurityPolicy',
  metadata: { name: 'oauth', labels: { [stepLabel]: 'narrow' }, annotations: { [patchAnnotation]: step } },
  spec,
});

describe('a document that patches another', () => {
  it('is the other with what it changes, under its own step', () => {
    const [first, second] = withPatches([policy, patchOf('policy', { oidc: { scopes: ['openid'], logoutPath: null } })]);
    expect(first).toBe(policy);
    expect(second).toMatchObject({ metadata: { name: 'oauth', labels: { [stepLabel]: 'narrow' } } });
    expect(second).toHaveProperty('spec', { oidc: { scopes: ['openid'] } });
    expect(second?.metadata.annotations).toEqual({});
    expect(policy.spec.oidc.scopes).toEqual(['openid', 'email']);
  });

  it('must find what it changes', () => {
    expect(() => withPatches([policy, patchOf('polcy', {})])).toThrow(/SecurityPolicy oauth patches step polcy/);
  });
});
