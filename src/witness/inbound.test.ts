import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '#lab/cluster.ts';
import { expectedInbound, inboundDifference } from '#witness/expected-inbound.ts';
import { inboundFacts } from '#witness/inbound.ts';

// Recorded on Istio current in the target state of GS-14: the listeners of two proxies, and the objects they came from.
const recorded = (name: string): string => readFileSync(resolve(import.meta.dirname, 'testdata', name), 'utf8');
const objects = JSON.parse(recorded('policies.json')) as Manifest[];
const gateway = { namespace: 'semaphore', labels: { app: 'envoy-gateway' }, ports: [8080, 8090, 8091, 8092, 9901] };
const service = { namespace: 'semaphore', labels: { app: 'auth-identity' }, ports: [8081] };

describe('inboundFacts', () => {
  it('reads the mode of each port: the exception of the gateway, STRICT elsewhere', () => {
    expect(inboundFacts(recorded('inbound-envoy-gateway.json'))).toEqual({
      modes: { 8080: 'PERMISSIVE', 8090: 'PERMISSIVE', 8091: 'PERMISSIVE', 8092: 'STRICT', 9901: 'STRICT' },
      policies: ['semaphore/allow-semaphore-namespace'],
      allowList: true,
    });
  });

  it('reads nothing out of a dump without the listener', () => {
    expect(inboundFacts('{"configs":[]}')).toEqual({ modes: {}, policies: [], allowList: false });
  });
});

describe('expectedInbound', () => {
  it.each([
    ['inbound-envoy-gateway.json', gateway],
    ['inbound-auth-identity.json', service],
  ])('foretells what istiod gave the proxy: %s', (file, workload) => {
    expect(inboundDifference(expectedInbound(workload, objects), inboundFacts(recorded(file)))).toBeUndefined();
  });

  it('names the port and the mode where the proxy lags behind', () => {
    const before = objects.filter(({ kind }) => kind !== 'PeerAuthentication');
    expect(
      inboundDifference(expectedInbound(service, before), inboundFacts(recorded('inbound-auth-identity.json'))),
    ).toBe('port 8081 is STRICT, not PERMISSIVE');
  });

  it('names the policies where the proxy lags behind', () => {
    const before = objects.filter(({ kind }) => kind !== 'AuthorizationPolicy');
    expect(
      inboundDifference(expectedInbound(service, before), inboundFacts(recorded('inbound-auth-identity.json'))),
    ).toBe('policies in force are [semaphore/allow-semaphore-namespace], not []');
  });

  it('knows that an ALLOW policy without rules admits nobody', () => {
    const nobody = { kind: 'AuthorizationPolicy', metadata: { name: 'deny-all', namespace: 'semaphore' }, spec: {} };
    expect(expectedInbound(service, [nobody as Manifest])).toMatchObject({ policies: [], allowList: true });
  });

  it('lets the narrowest mode win: port, workload, namespace, mesh', () => {
    const mode = fc.constantFrom('STRICT', 'PERMISSIVE', 'DISABLE', 'UNSET', undefined);
    const authentication = (name: string, namespace: string, spec: object) =>
      ({ kind: 'PeerAuthentication', metadata: { name, namespace }, spec }) as Manifest;
    fc.assert(
      fc.property(mode, mode, mode, mode, (port, own, namespace, mesh) => {
        const selector = { matchLabels: service.labels };
        const narrow = { selector, mtls: { mode: own }, portLevelMtls: { 8081: { mode: port } } };
        const all = [
          authentication('own', 'semaphore', narrow),
          authentication('default', 'semaphore', { mtls: { mode: namespace } }),
          authentication('default', 'istio-system', { mtls: { mode: mesh } }),
        ];
        const set = [port, own, namespace, mesh].find((each) => each !== undefined && each !== 'UNSET');
        expect(expectedInbound(service, all).modes).toEqual({ 8081: set ?? 'PERMISSIVE' });
      }),
    );
  });
});
