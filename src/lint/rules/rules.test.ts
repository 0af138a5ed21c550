import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lint } from '#lint/lint.ts';
import { marksIn, testdata } from '#lint/testing/testdata.ts';
import { rules } from '#lint/rules/all.ts';

// Each folder of testdata holds a tree that is wrong and its corrected form. A wrong line ends with `# <- ID`.
const cases = readdirSync(testdata).filter((name) => name !== 'crds');

describe.each(cases)('%s', (name) => {
  const found = async (form: 'bad' | 'good') => {
    const { findings } = await lint(join(testdata, name, form), { history: false });
    return findings.map(({ file, line, rule }) => `${file}:${line} ${rule}`);
  };

  it('is found where it stands, and nothing else is', async () => {
    expect(await found('bad')).toEqual(marksIn(join(testdata, name, 'bad')));
  });

  it('is silent when corrected', async () => {
    expect(await found('good')).toEqual([]);
  });
});

describe('the rules', () => {
  it('have a case each, and no id twice', () => {
    const ids = rules.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(cases).toEqual(expect.arrayContaining(ids));
  });

  it('name the field, what comes of it, and what to write', async () => {
    const { findings } = await lint(join(testdata, 'OA-D2/bad'), { history: false });
    expect(findings).toEqual([
      {
        file: 'policy.yaml',
        line:
          readFileSync(resolve(testdata, 'OA-D2/bad/policy.yaml'), 'utf8')
            .split('\n')
            .findIndex((line) => line.includes('<-')) + 1,
        path: 'spec.authorization.rules[0].principal.jwt.provider',
        rule: 'OA-D2',
        severity: 'error',
        why: expect.stringContaining('there is google; what stands in spec.oidc has no name'),
        fix: expect.stringContaining('spec.jwt.providers'),
      },
    ]);
  });

  it('never repeat an address', async () => {
    const { findings } = await lint(join(testdata, 'OA-D10/bad'), { history: false });
    expect(JSON.stringify(findings)).not.toContain('ann@example.com');
    expect(JSON.stringify(findings)).toContain('a…@example.com and 1 more');
  });
});
