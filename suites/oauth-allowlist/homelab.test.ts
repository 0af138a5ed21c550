import { expect, it } from 'vitest';
import { planScene } from '#verdict/scene-file.ts';
import { authorization, clientOf, listedEmail } from './homelab.ts';

it('calls a provider that evidence does not name as the scene does', async () => {
  const { names } = await planScene('homelab', [], 'envoy-gateway');
  for (const called of [authorization, clientOf, listedEmail]) expect(called({})).toBe(called(names));
});

it('knows where a browser is sent without what is asked there', () => {
  expect(authorization({ 'authorization-endpoint': 'https://idp.test/auth?tenant=a' })).toBe('https://idp.test/auth');
});
