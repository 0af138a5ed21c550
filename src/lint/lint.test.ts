import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { $ } from 'zx/core';
import { lint } from '#lint/lint.ts';
import { sarifOf } from '#lint/sarif.ts';
import { matches } from '#lint/untrusted-pattern.ts';
import { addressesIn } from '#lint/addresses.ts';
import { testdata } from '#lint/testing/testdata.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lint-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the history of a repository', () => {
  it('tells an address that the tree does not tell any more', async () => {
    const git = $({ cwd: folder, quiet: true });
    const commit = () => git`git add -A && git -c user.name=x -c user.email=x@localhost commit --quiet --message x`;
    await git`git init --quiet`;
    await cp(join(testdata, 'OA-D10/bad'), folder, { recursive: true });
    await commit();
    expect((await lint(folder)).findings).toHaveLength(2);
    await cp(join(testdata, 'OA-D10/good'), folder, { recursive: true });
    await commit();
    await writeFile(join(folder, 'plain.yaml'), policyFor('ann@example.com'));
    await commit();
    await rm(join(folder, 'plain.yaml'));
    await commit();
    const { findings } = await lint(folder);
    expect(findings.map(({ file, rule }) => `${file} ${rule}`)).toEqual([
      'apps/policy.sops.yaml OA-D10',
      'plain.yaml OA-D10',
    ]);
    expect(findings[1]?.why).toMatch(
      /^an earlier version of the policy, the newest of commit [0-9a-f]{7,}, tells a…@example\.com/,
    );
    expect((await lint(folder, { history: false })).findings).toEqual([]);
  });
});

describe('a patch of a kustomization', () => {
  it('is no policy of which something is missing', async () => {
    await writeFile(join(folder, 'patch.yaml'), policyFor('ann@home'));
    expect((await lint(folder)).findings.map(({ rule }) => rule)).toEqual(['OA-D1', 'OA-D8']);
    await writeFile(join(folder, 'kustomization.yaml'), 'patches:\n  - path: patch.yaml\n');
    expect((await lint(folder)).findings).toEqual([]);
  });
});

describe('a cluster that is asked', () => {
  it('is sent what is whole and in clear, and its refusal stands at the field that it names', async () => {
    await cp(join(testdata, 'OA-D4/good'), folder, { recursive: true });
    await writeFile(
      join(folder, 'kustomization.yaml'),
      'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\npatches:\n  - path: patch.yaml\n',
    );
    await writeFile(join(folder, 'patch.yaml'), 'apiVersion: v1\nkind: Service\nmetadata: {name: a}\n');
    await writeFile(join(folder, 'variable.yaml'), 'apiVersion: v1\nkind: Service\nmetadata: {name: "${NAME}"}\n');
    await writeFile(
      join(folder, 'new.yaml'),
      'apiVersion: v1\nkind: Namespace\nmetadata: {name: new}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: in-new, namespace: new}\n',
    );
    const sent: string[] = [];
    const { findings } = await lint(folder, {
      dryRun: (object) => {
        const { name } = object['metadata'] as { name: string };
        sent.push(name);
        const answers: Record<string, string> = {
          'oauth-home': 'SecurityPolicy "oauth-home" is invalid: spec.jwt.providers[0].issuer: Invalid value: "x"',
          'in-new': 'namespaces "new" not found',
        };
        return Promise.resolve(answers[name]);
      },
    });
    expect(sent.toSorted()).toEqual(['in-new', 'new', 'oauth-home']);
    expect(findings).toMatchObject([
      { file: 'policy.yaml', line: 26, path: 'spec.jwt.providers[0].issuer', rule: 'server', severity: 'error' },
    ]);
  });
});

describe('SARIF', () => {
  it('has a rule for each finding, and a place', async () => {
    const { findings } = await lint(join(testdata, 'OA-D7/bad'), { history: false });
    expect(sarifOf(findings)).toMatchObject({
      version: '2.1.0',
      runs: [
        {
          tool: {
            driver: {
              rules: expect.arrayContaining([{ id: 'OA-D7', shortDescription: { text: expect.any(String) } }]),
            },
          },
          results: [
            {
              ruleId: 'OA-D7',
              ruleIndex: 6,
              level: 'error',
              locations: [
                { physicalLocation: { artifactLocation: { uri: 'policy.yaml' }, region: { startLine: 25 } } },
              ],
            },
          ],
        },
      ],
    });
  });
});

describe('addresses', () => {
  it.each([
    ['values: [ann.b+c@mail.example.com]', ['ann.b+c@mail.example.com']],
    ['git@github.com:ann/home.git https://ann@host.example/x ssh://git@github.com/ann/x', []],
    ['image: a/b@sha256:12 x@y', []],
    ['"ann@example.com","ben@example.org".', ['ann@example.com', 'ben@example.org']],
  ])('%j', (text, expected) => {
    expect(addressesIn(text).map(({ address }) => address)).toEqual(expected);
  });

  it('are found in a text of any length, in time', () => {
    expect(addressesIn('a'.repeat(3_000_000))).toEqual([]);
    expect(addressesIn('a@'.repeat(200_000))).toEqual([]);
  });
});

describe('a pattern of the repository', () => {
  it('is stopped when it does not end, and read as Go reads it', () => {
    expect(matches('(a+)+$', `${'a'.repeat(60)}!`)).toBe(true);
    expect(matches('(?i)^APPS/', 'apps/x')).toBe(true);
    expect(matches('^apps/', 'lists/x')).toBe(false);
  });
});

const policyFor = (address: string) => `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: a}
spec:
  authorization:
    rules:
      - action: Allow
        principal: {jwt: {provider: a, claims: [{name: email, values: [${address}]}]}}
`;
