import { resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { lintText } from '#cli/lint-text.ts';
import { run } from '#cli/testing/command.ts';
import { testdata } from '#lint/testing/testdata.ts';

const of = (tree: string, ...args: string[]) =>
  run('lint', resolve(testdata, tree), '--no-crds', '--no-history', ...args);

describe('lint', () => {
  it('prints each finding with its place, its reason and its fix, and ends with 1', async () => {
    const { exitCode, stdout } = await of('OA-D3/bad');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(
      /^policy\.yaml:23 error OA-D3 spec\.oidc\.logoutRedirectURL\n {2}logoutRedirectURL is no field of the API/,
    );
    expect(stdout).toMatch(/\n1 error, 0 warnings: 1 object in 1 YAML file\n$/);
  });

  it('ends with 0 when nothing was found, and prints JSON and SARIF', async () => {
    expect(await of('OA-D3/good')).toMatchObject({ exitCode: 0, stdout: '✓ nothing found: 1 object in 1 YAML file\n' });
    expect(JSON.parse((await of('OA-D3/good', '--format', 'json')).stdout)).toMatchObject({ schema: 1, findings: [] });
    expect(JSON.parse((await of('OA-D3/bad', '--format', 'sarif')).stdout)).toMatchObject({
      runs: [{ results: [{ ruleId: 'OA-D3' }] }],
    });
  });

  it('checks by the definitions of a folder', async () => {
    const { exitCode } = await run(
      'lint',
      resolve(testdata, 'OA-D3/good'),
      '--crds',
      resolve(testdata, 'crds'),
      '--no-history',
    );
    expect(exitCode).toBe(0);
  });

  it.each([
    [['none'], /^meshwitness: .*none does not exist\n/],
    [['OA-D3/bad/policy.yaml'], /^meshwitness: .* is no directory\n/],
    [['OA-D3/good', '--format', 'xml'], /^meshwitness: .*Allowed choices are text, json, sarif/],
    [['OA-D3/good', '--crds', 'none'], /^meshwitness: none is no folder of definitions\n/],
  ])('%j is refused in one line, with 2', async ([tree = '', ...args], line) => {
    expect(await of(tree, ...args)).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringMatching(line) });
  });
});

describe('what a person reads', () => {
  it('tells warnings from errors', () => {
    const finding = {
      file: 'a.yaml',
      line: 3,
      path: '',
      rule: 'OA-D7',
      severity: 'warning',
      why: 'Why.',
      fix: 'Fix.',
    } as const;
    const text = stripVTControlCharacters(lintText({ findings: [finding], files: 2, objects: 1 }));
    expect(text).toBe('a.yaml:3 warning OA-D7\n  Why.\n  fix: Fix.\n0 errors, 1 warning: 1 object in 2 YAML files');
  });
});
