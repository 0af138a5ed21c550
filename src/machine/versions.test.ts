import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expandSets, ingredientsOf, loadVersions, specOf, versionOf } from '#machine/versions.ts';
import { paths } from '#support/paths.ts';

const goModOf = (recipe: string) => readFile(resolve(paths.imageRecipes, recipe, 'go.mod'), 'utf8');

describe('kind/versions.yaml', () => {
  it('is well-formed', async () => {
    const { parts, sets } = await loadVersions();
    expect(Object.keys(parts)).toContain('node-smoke');
    expect(sets['smoke']).toContain('istio-current');
  });

  it('agrees with the go.mod of every recipe', async () => {
    const versions = await loadVersions();
    for (const [part, spec] of Object.entries(versions.parts)) {
      if (spec.build !== 'go') continue;
      expect(await goModOf(spec.recipe ?? part)).toContain(`${spec.module} ${versionOf(versions, part)}`);
    }
  });

  it('has CoreDNS made with the Kubernetes libraries of Istio, which are then compiled once', async () => {
    const kubernetes = ['k8s.io/api', 'k8s.io/apimachinery', 'k8s.io/client-go'];
    const libraries = [...kubernetes, 'google.golang.org/grpc', 'google.golang.org/protobuf'];
    const ofRecipe = async (recipe: string) => {
      const lines = (await goModOf(recipe)).split('\n').map((line) => line.trim());
      return lines.filter((line) => libraries.some((library) => line.startsWith(`${library} v`)));
    };
    const [own, shared] = await Promise.all([ofRecipe('coredns'), ofRecipe('istio-current')]);
    expect(own).toHaveLength(5);
    expect(own).toEqual(shared);
  });

  it('pins by digest or says nothing, and never a moving tag', async () => {
    const { parts } = await loadVersions();
    const pulls = Object.values(parts).flatMap(({ pull }) => (pull ? [pull.reference] : []));
    expect(pulls.filter((reference) => !/:[^:/]*\d/.test(reference) || reference.endsWith(':latest'))).toEqual([]);
  });

  it('names the versions of a part by the part it takes them from', async () => {
    const versions = await loadVersions();
    expect(versionOf(versions, 'node-smoke')).toBe(versions.parts['kubernetes']?.version);
    expect(ingredientsOf(specOf(versions, 'istio-older-pilot'))).toContainEqual({
      alias: 'istio',
      part: 'istio-older-binaries',
    });
  });
});

describe('what is wrong with a versions file', () => {
  const good = `schema: 1
sets: { all: [tool, image] }
parts:
  tool:
    build: script
    version: '1'
    outputs: [tool]
    expectedSeconds: 1
  image:
    build: image
    versionOf: tool
    from: [tool]
    expectedSeconds: 1
`;
  const cases: [what: string, from: string, to: string, told: RegExp][] = [
    ['an unknown kind of build', 'build: script', 'build: magic', /:5:12: .*expected build to be one of go, wheel/],
    ['a field that no part has', 'outputs: [tool]', 'output: [tool]', /:\d+:\d+: parts\.tool/],
    ['a text where seconds belong', 'expectedSeconds: 1', 'expectedSeconds: soon', /:8:22: .*expected number/],
    ['a part that is made from nothing known', 'from: [tool]', 'from: [tooll]', /:12:11: .*tooll is none/],
    ['a set with an unknown part', 'all: [tool, image]', 'all: [tool, imag]', /:2:21: .*imag is none/],
    ['no version at all', "version: '1'", 'tools: []', /:5:12: .*expected either version or versionOf/],
    ['a circle', "    version: '1'", "    version: '1'\n    from: [image]", /is made from itself/],
    [
      'a digest that is cut',
      'expectedSeconds: 1\n  image',
      "expectedSeconds: 1\n    pull: { reference: 'a:1', version: '1', digest: 'sha256:12' }\n  image",
      /:9:\d+: .*64 hexadecimal/,
    ],
    ['another schema', 'schema: 1', 'schema: 2', /:1:9: schema/],
    ['broken YAML', 'parts:', 'parts: [', /:\d+:\d+: /],
  ];
  it.each(cases)('%s', async (_, from, to, told) => {
    const file = resolve(await mkdtemp(resolve(tmpdir(), 'versions-')), 'versions.yaml');
    await writeFile(file, good.replace(from, to));
    const error = await loadVersions(file).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringMatching(told) });
    expect((error as Error).message).not.toContain('\n');
  });

  it('an unknown part comes with the nearest one', async () => {
    const versions = await loadVersions();
    expect(() => expandSets(versions, ['istio-curent'])).toThrow(
      expect.objectContaining({ exitCode: 2, hint: 'did you mean istio-current?' }),
    );
  });
});
