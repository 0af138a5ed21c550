import { beforeAll } from 'vitest';
import { productName } from '#install/channel.ts';
import type { VerdictLine } from '#verdict/result.ts';
import { decidedChecks, everyVerdict, verify } from './testing/every-verdict.ts';

// Every check of Istio and of the harness, with every twin, on a real lab with both Istio versions. Those of Envoy Gateway have a
// lab of their own, as two cores carry no more: logins.lab.test.ts.
const gateways = productName('envoy-gateway');
const checks = (await decidedChecks()).filter(({ products }) => products.every((each) => each !== gateways));
const lines: VerdictLine[] = [];

beforeAll(async () => {
  const ids = checks.map(({ id }) => id);
  lines.push(...(await verify([...ids, '--twins', '--istio', 'both', '--name', 'test-checks'])));
});

everyVerdict(checks, lines);
