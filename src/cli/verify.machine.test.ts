import { rm } from 'node:fs/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { start } from '#cli/testing/command.ts';

afterEach(() => vi.unstubAllEnvs());

it('needs neither engine nor lab where nothing is to be run', async () => {
  vi.stubEnv('DOCKER_HOST', 'tcp://127.0.0.1:1');
  const { exitCode, stdout, stderr } = await start('verify', 'CR-20', '--json').ended;
  expect(exitCode, stderr).toBe(0);
  const { dir, provider, verdicts } = JSON.parse(stdout) as { dir: string; provider: string; verdicts: object[] };
  await rm(dir, { recursive: true });
  expect(provider).toBe('none');
  expect(verdicts).toMatchObject([{ id: 'CR-20', verdict: 'roadmap' }]);
});
