import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { lint } from '#lint/lint.ts';
import { manifestsOf } from '#lint/manifest.ts';
import { readYamlText } from '#lint/read-yaml.ts';
import { rules } from '#lint/rules/all.ts';
import { Schemas } from '#lint/schema/check.ts';
import { Definitions } from '#lint/schema/crds.ts';
import { testdata } from '#lint/testing/testdata.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lint-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const findings = async () =>
  (await lint(folder)).findings.map(({ file, line, rule, why }) => `${file}:${line} ${rule}: ${why}`);
const anchors = 'abcdefghi'.split('');
const bomb = anchors
  .map((name, at) => `${name}: &${name} [${`${at === 0 ? 'x' : `*${anchors[at - 1]}`},`.repeat(10)}]\n`)
  .join('');

describe('a file that cannot be read is one finding', () => {
  it.each([
    ['malformed YAML', 'a: 1\nb: [1\nc: 2\n', /^x\.yaml:[23] unreadable: is no YAML/],
    ['a key that stands twice', 'a: 1\na: 2\n', /^x\.yaml:2 unreadable: has the key "a" twice/],
    ['a bomb of aliases', bomb, /^x\.yaml:1 unreadable: cannot be read: Excessive alias count/],
    ['an object that holds itself', 'a: &a\n  b: *a\n', /^x\.yaml:1 unreadable: cannot be read/],
    ['an alias of nothing', 'a: *b\n', /^x\.yaml:1 unreadable: cannot be read: Unresolved alias/],
    ['a nesting without end', '['.repeat(50_000), /^x\.yaml:1 unreadable/],
    ['what is not UTF-8', Buffer.from([0x61, 0x3a, 0xff, 0xfe]), /^x\.yaml:1 unreadable: is not UTF-8/],
  ])('%s', async (_, content, told) => {
    await writeFile(join(folder, 'x.yaml'), content);
    expect(await findings()).toEqual([expect.stringMatching(told)]);
  });

  it('and the others are checked all the same', async () => {
    await writeFile(join(folder, 'a.yaml'), '[');
    await writeFile(join(folder, 'b.yml'), '{}');
    expect(await lint(folder)).toMatchObject({ files: 2, findings: [{ file: 'a.yaml' }] });
  });
});

describe('a folder', () => {
  it('may have the name of a file, links in a circle, and links to nothing', async () => {
    await mkdir(join(folder, 'x.yaml'));
    await writeFile(join(folder, 'x.yaml', 'inner.yaml'), 'a: 1\n');
    await symlink(folder, join(folder, 'x.yaml', 'loop'));
    await symlink(join(folder, 'none'), join(folder, 'gone.yaml'));
    expect(await lint(folder)).toMatchObject({ files: 1, findings: [] });
  });

  it('may hold a manifest of 5 MB', async () => {
    const many = Array.from({ length: 100_000 }, (_, at) => `  key-${at}: ${'v'.repeat(35)}\n`).join('');
    await writeFile(join(folder, 'x.yaml'), `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n${many}`);
    expect(await lint(folder)).toMatchObject({ files: 1, objects: 1, findings: [] });
  }, 60_000);
});

describe('whatever a file holds', () => {
  const schemas = Definitions.read(join(testdata, 'crds')).then((definitions) => new Schemas(definitions));
  const judge = async (text: string) => {
    const { sources } = readYamlText('x.yaml', text);
    const manifests = sources.flatMap(manifestsOf);
    const guides = [{ file: 'x.sh', text }];
    const tree = { root: '/x', sources, manifests, guides, findings: [], files: 1 };
    const found = rules.flatMap(({ check }) => check({ tree, sops: [], api: { celRules: true } }));
    const checker = await schemas;
    return [...found, ...manifests.flatMap((each) => checker.check(each, false))];
  };

  it('is judged without an exception: any text', async () => {
    // As fc.string({ unit: 'binary' }), whose table of characters takes most of a second to make.
    const anyText = fc.array(fc.nat(0x10ffff), { maxLength: 200 }).map((points) => String.fromCodePoint(...points));
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        expect(Array.isArray(await judge(text))).toBe(true);
      }),
    );
  });

  it('is judged without an exception: policies with any value in any field', async () => {
    const anything = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom('email', 'Allow', [{}], [null], {}));
    const field = (names: string[]) => fc.dictionary(fc.constantFrom(...names), anything);
    const spec = fc.record(
      {
        oidc: field(['scopes', 'clientSecret', 'clientIDRef', 'logoutRedirectURL']),
        jwt: fc.oneof(anything, fc.record({ providers: fc.array(field(['name', 'audiences'])) })),
        targetRefs: anything,
        authorization: fc.record({
          rules: fc.array(
            fc.record({
              action: anything,
              principal: fc.record({
                jwt: fc.record({ provider: anything, claims: fc.array(field(['name', 'values'])) }),
              }),
            }),
          ),
        }),
      },
      { requiredKeys: [] },
    );
    const head = fc.constantFrom(
      { apiVersion: 'gateway.envoyproxy.io/v1alpha1', kind: 'SecurityPolicy' },
      { apiVersion: 'food.example/v1', kind: 'Pizza' },
    );
    await fc.assert(
      fc.asyncProperty(head, fc.oneof(spec, anything), anything, async (object, value, metadata) => {
        expect(Array.isArray(await judge(stringify({ ...object, metadata, spec: value })))).toBe(true);
      }),
    );
  });
});
