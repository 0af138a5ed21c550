import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { lint } from '#lint/lint.ts';
import { Definitions, hasCelRules } from '#lint/schema/crds.ts';
import { marksIn, testdata } from '#lint/testing/testdata.ts';
import { ensureParts } from '#machine/parts.ts';

let definitions: Definitions;

beforeAll(async () => {
  const part = (await ensureParts(['envoy-gateway-crds'])).get('envoy-gateway-crds');
  definitions = await Definitions.read(part?.path ?? '');
});

const cases = readdirSync(testdata).filter((name) => name !== 'crds');

describe('the pinned definitions', () => {
  it('say that a rule may have a CEL expression', () => {
    expect(hasCelRules(definitions)).toBe(true);
  });

  it.each(cases)(
    '%s: say nothing beyond the rule that knows better, and nothing of the corrected form',
    async (name) => {
      for (const form of ['bad', 'good']) {
        const { findings } = await lint(join(testdata, name, form), { definitions, history: false });
        expect(findings.map(({ file, line, rule }) => `${file}:${line} ${rule}`)).toEqual(
          marksIn(join(testdata, name, form)),
        );
      }
    },
  );
});
