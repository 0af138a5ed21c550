import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { $ } from 'zx/core';
import { paths } from '#support/paths.ts';

it('needs neither engine nor lab where nothing is to be run', async () => {
  const env = { ...process.env, DOCKER_HOST: 'tcp://127.0.0.1:1' };
  const run = $({ quiet: true, nothrow: true, cwd: paths.root, env });
  const { exitCode, stdout, stderr } = await run`${resolve(paths.root, 'meshwitness')} verify CR-20 --json`;
  expect(exitCode, stderr).toBe(0);
  const { dir, provider, verdicts } = JSON.parse(stdout) as { dir: string; provider: string; verdicts: object[] };
  await rm(dir, { recursive: true });
  expect(provider).toBe('none');
  expect(verdicts).toMatchObject([{ id: 'CR-20', verdict: 'roadmap' }]);
});
