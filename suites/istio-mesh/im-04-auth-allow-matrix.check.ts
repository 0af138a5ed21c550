// Proves who gets through auth-service-authorization, with which method and path, and that no spelling of a path widens it.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { answer, type Expectation } from '#verdict/expectation.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered, outcomeText } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { deniedByPolicy } from '#verdict/expectations/proxy-log.ts';
import type { CallPlan } from '#verdict/stage.ts';
import { callTo } from './biometrics.ts';

const prefix = '/api/v1/auth/';
const callers = ['api-gateway', 'web-app', 'biometric-service', 'outsider'] as const;
const methods = ['GET', 'POST', 'PUT', 'DELETE'];
const paths = { inside: `${prefix}login`, outside: '/api/v1/admin' };

/** Every cell of the matrix by name (`web-app-PUT-inside`), and whether the policy lets it through. */
const cells = callers.flatMap((from) =>
  methods.flatMap((method) =>
    Object.entries(paths).map(([place, path]) => ({
      name: `${from}-${method}-${place}`,
      from,
      method,
      path,
      allowed: ['api-gateway', 'web-app'].includes(from) && ['GET', 'POST'].includes(method) && place === 'inside',
    })),
  ),
);

/** Spellings by which a path outside the prefix may look as if it were inside. */
const tricks: Record<string, string> = {
  'dot-segments': `${prefix}../admin`,
  'encoded-dots': `${prefix}%2e%2e/admin`,
  'encoded-slash': `${prefix}..%2fadmin`,
  'encoded-both': `${prefix}%2e%2e%2fadmin`,
  'double-slash': `${prefix}/..//../admin`,
  'upper-case': '/API/V1/AUTH/login',
};

export default check({
  id: 'IM-04',
  title: 'auth-service allow matrix',
  level: 'core',
  system: 'istio-mesh',
  tags: ['authorization', 'paths'],
  needs: ['istio', 'sidecar'],
  scene: 'biometrics',
  uses: ['outsider', 'auth-service', 'biometric-service', 'api-gateway', 'web-app'],
  story: {
    setUp:
      'Policy auth-service-authorization: principals api-gateway and web-app, GET and POST, under /api/v1/auth/. Path normalization DECODE_AND_MERGE_SLASHES.',
    sends:
      'Four callers (one without identity), four methods, a path inside and one outside the prefix: 32 calls, before, under and after the policy. Then six spellings of a path outside that look as if they were inside.',
    expects:
      'Only the two principals with GET or POST inside get 200. Every other call: 403 "RBAC: access denied", matched policy none in the log of auth-service, counted once, nothing received. No spelling reaches the application with a path outside the prefix.',
    why: 'An allow list is only as narrow as the path it is matched on. What the proxy compares and what the application resolves must be the same path.',
  },
  async collect(stage) {
    const plan = (from: (typeof callers)[number], path: string, more: Partial<CallPlan>): CallPlan => ({
      ...callTo(stage.names, from, 'auth-service', path),
      ...more,
    });
    const matrix = Object.fromEntries(
      cells.map(({ name, from, method, path }) => [name, plan(from, path, { method })]),
    );
    await stage.between({ under: 'policy' }, matrix, async () => {
      await stage.counting('denials', { 'auth-service': ['rbac.denied'] }, () =>
        Promise.all(Object.entries(matrix).map(([name, call]) => stage.call(name, call))),
      );
      await Promise.all(
        Object.entries(tricks).map(([name, rawPath]) =>
          stage.call(`trick-${name}`, plan('api-gateway', '/', { rawPath })),
        ),
      );
    });
  },
  judge: ({ probe, probes, fact }) => [
    cells.flatMap(({ name, allowed }) => [
      ...probe(`${name}-before`, answered(200), receivedBy('auth-service')),
      ...probe(
        name,
        ...(allowed
          ? [answered(200), receivedBy('auth-service')]
          : [answered(403, 'RBAC: access denied'), deniedByPolicy('auth-service'), notReceivedBy('auth-service')]),
      ),
      ...probe(`${name}-after`, answered(200), receivedBy('auth-service')),
    ]),
    fact('denials', everyDenialCounted),
    probes('trick-', notWidened),
  ],
  twins: [
    {
      name: 'base-normalization',
      sabotage:
        'Normalization BASE: an escaped slash is forwarded as it came, and hides a dot segment from the policy.',
      breaks: 'not-widened',
      on: 'trick-encoded-slash',
    },
    {
      name: 'slashes-merged',
      sabotage:
        'Normalization MERGE_SLASHES: double slashes are merged, escaped ones are still forwarded as they came.',
      breaks: 'not-widened',
      on: 'trick-encoded-both',
    },
  ],
});

const everyDenialCounted = factIs({
  expectation: 'denials-counted',
  kind: 'counter',
  from: 'auth-service',
  expected: `rbac.denied +${cells.filter(({ allowed }) => !allowed).length}`,
  shape: z.record(z.string(), z.record(z.string(), z.number())),
  met: (moved) => denied(moved) === cells.filter(({ allowed }) => !allowed).length,
  seen: (moved) => `rbac.denied +${denied(moved)}`,
});

const denied = (moved: Record<string, Record<string, number>>): number =>
  Object.values(moved['auth-service'] ?? {}).reduce((sum, each) => sum + each, 0);

/** What reached the application, resolved as an application would, lies inside the prefix; or nothing reached it. */
const notWidened: Expectation = ({ client, receipts, from }) => {
  const received = (receipts ?? []).map(({ path }) => path);
  const outside = received.find((path) => !resolved(path).startsWith(prefix));
  const seen = outside === undefined ? outcomeText(client) : `the application received ${outside}`;
  const expected = `nothing outside ${prefix} reaches the application`;
  return [
    answer(
      { expectation: 'not-widened', kind: 'receipt', from: 'auth-service', expected },
      outside === undefined,
      seen,
    ),
    answer(
      { expectation: 'status-200-or-403', kind: 'client', from, expected: 'status 200 or 403' },
      client.status === 200 || client.status === 403,
      outcomeText(client),
    ),
  ];
};

/** The path with escapes decoded, slashes merged and dot segments resolved. */
function resolved(path: string): string {
  const decoded = decodeURIComponent(path).replaceAll(/\/{2,}/g, '/');
  return new URL(decoded, 'http://application').pathname;
}
