import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { manifestsOf } from '#lint/manifest.ts';
import { readYamlText } from '#lint/read-yaml.ts';
import { Schemas } from '#lint/schema/check.ts';
import { Definitions } from '#lint/schema/crds.ts';
import { testdata } from '#lint/testing/testdata.ts';

const schemas = new Schemas(await Definitions.read(join(testdata, 'crds')));

function check(spec: string, { head = '', kind = 'Pizza', patch = false } = {}): string[] {
  const text = `apiVersion: food.example/v1\nkind: ${kind}\nmetadata:\n  name: one\n${head}spec:\n${spec.replaceAll(/^/gm, '  ')}\n`;
  const manifests = readYamlText('x.yaml', text).sources.flatMap(manifestsOf);
  return manifests
    .flatMap((each) => schemas.check(each, patch))
    .map(({ line, path, why }) => `${line} ${path}: ${why}`);
}

describe('an object checked by the definition of its kind', () => {
  it.each([
    ['all is well', 'size: 12\ncutInto: 8\ntoppings:\n  - kind: olive\nnotes:\n  a: b\nextra:\n  any: [1]'],
    ['a number or a text, where both may stand', 'size: 12\ncutInto: eight'],
    ['a field without a value', 'size: 12\ncrust:'],
    ['a variable that Flux fills in', 'size: ${SIZE}\ncrust: ${CRUST}'],
    ['a rule that only the server understands', 'size: 20'],
  ])('%s', (_, spec) => {
    expect(check(spec)).toEqual([]);
  });

  it.each([
    ['size: 12\nsise: 13', '7 spec.sise: spec.sise is no field of the API'],
    ['size: big', '6 spec.size: spec.size is the string "big", expected integer'],
    ['crust: thin', '5 spec: spec lacks size'],
    ['size: 12\ncrust: thik', '7 spec.crust: spec.crust is "thik", expected one of thin, thick'],
    ['size: 9', '6 spec.size: spec.size must be >= 10'],
    ['size: 12\ntoppings:\n  - kind: a\n  - knid: b', '9 spec.toppings[1]: spec.toppings[1] lacks kind'],
    ['size: 12\nnotes:\n  a: yes', '8 spec.notes.a: spec.notes.a is the boolean true, expected string'],
    ['size: 30', '5 spec: the API server refuses it: a large pizza must be cut'],
    [
      'size: 12\ncrust: thick\ntoppings:\n  - kind: pineapple',
      '5 spec: the API server refuses it: no pineapple on a thick crust',
    ],
  ])('%j', (spec, told) => {
    expect(check(spec)).toContain(told);
  });

  it('asks rules with the defaults filled in', () => {
    expect(check('size: 12\ntoppings:\n  - kind: pineapple')).toEqual([]);
  });

  it('knows what metadata may hold', () => {
    expect(check('size: 12', { head: '  annotation: {}\n' })).toEqual([
      '5 metadata.annotation: metadata.annotation is no field of the API',
    ]);
  });

  it('knows which kinds there are', () => {
    expect(check('size: 12', { kind: 'Piza' })).toEqual(['2 kind: the API has no Piza in food.example/v1']);
  });

  it('misses nothing in a patch', () => {
    expect(check('crust: thin', { patch: true })).toEqual([]);
  });

  it('leaves encrypted objects alone', () => {
    expect(check('size: ENC[AES256_GCM,data:x]', { head: 'sops: {}\n' })).toEqual([]);
  });

  it('refuses a folder that holds none', async () => {
    await expect(Definitions.read(join(testdata, 'OA-D1'))).rejects.toThrow('holds no CustomResourceDefinition');
    await expect(Definitions.read(join(testdata, 'none'))).rejects.toThrow('is no folder');
  });
});
