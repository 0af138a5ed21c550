import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '#lab/cluster.ts';
import { paths } from '#support/paths.ts';
import { readManifests } from '#verdict/manifest-file.ts';
import { gatewayRoutes } from './gateway-routes.ts';

let maps: Manifest[];
beforeAll(async () => {
  maps = await readManifests(resolve(paths.manifests, 'semaphore/envoy-gateway-config.yaml'), { namespace: 'sem' });
});

describe('gatewayRoutes', () => {
  it('reads the routes of one listener, in their order, each with a path that it takes', () => {
    const found = gatewayRoutes(maps, 8090);
    expect(found.map(({ match }) => match)).toEqual([
      '/auth/me',
      '/auth/',
      '/users/',
      '/academics/',
      '/attendance/',
      '/',
    ]);
    expect(found[1]).toEqual({
      match: '/auth/',
      path: '/auth/sweep',
      cluster: 'outbound|8081||auth-identity.sem.svc.cluster.local',
      service: 'auth-identity',
    });
    expect(found[0]?.path).toBe('/auth/me');
  });

  it('has one more on the listener that somebody added a route to', () => {
    const matches = (port: number) => gatewayRoutes(maps, port).map(({ match }) => match);
    expect(matches(8093).filter((each) => !matches(8090).includes(each))).toEqual(['/reports/']);
  });

  it('throws where there is nothing to sweep', () => {
    expect(() => gatewayRoutes([], 8090)).toThrow('no ConfigMap envoy-gateway-config');
  });
});
