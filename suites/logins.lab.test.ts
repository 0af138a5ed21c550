import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { productName } from '#install/channel.ts';
import { downKind } from '#lab/down.ts';
import type { VerdictLine } from '#verdict/result.ts';
import { outsideProvider } from './oauth-allowlist/testing/outside-provider.ts';
import { decidedChecks, everyVerdict, verify } from './testing/every-verdict.ts';

// Every check of Envoy Gateway with every twin; then logins as Chromium makes them, and at a provider that is not ours.
const gateways = productName('envoy-gateway');
const checks = (await decidedChecks()).filter(({ products }) => products.includes(gateways));
const lab = ['--twins', '--keep', '--name', 'test-logins'];
const lines: VerdictLine[] = [];

beforeAll(async () => {
  lines.push(...(await verify([...checks.map(({ id }) => id), ...lab])));
});
afterAll(() => downKind('test-logins'));

everyVerdict(checks, lines);

const good = expect.stringMatching(/^(pass|caught)$/) as string;

describe('logins', () => {
  it('are the same in Chromium', async () => {
    const seen = await verify(['OA-04', 'OA-05', 'OA-11', 'OA-14', ...lab, '--browser', 'chromium']);
    expect(seen.map(({ id }) => id)).toEqual(expect.arrayContaining(['OA-04', 'OA-05', 'OA-11', 'OA-14']));
    for (const line of seen) expect.soft(line, `${line.id} ${line.twin ?? ''}`).toMatchObject({ verdict: good });
  });

  it('are the same at a provider of the user, but for what takes a script or a log of its own', async () => {
    await using provider = await outsideProvider('test-logins');
    const seen = await verify(['OA-04', 'OA-05', 'OA-10', 'OA-23', ...lab, ...provider.args], provider.env);
    const verdicts = seen.map(({ id, twin = 'check', verdict }) => `${id} ${twin} ${verdict}`);
    expect(verdicts.toSorted()).toEqual([
      'OA-04 altered-state caught',
      'OA-04 check pass',
      'OA-04 provider-not-trusted caught',
      'OA-05 check pass',
      'OA-05 default-allow caught',
      'OA-10 check pass',
      'OA-10 secret-known caught',
      'OA-10 stolen-whole caught',
      'OA-23 check unsupported',
    ]);
  });
});
