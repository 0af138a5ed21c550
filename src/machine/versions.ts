import { z } from 'zod';
import { UsageError } from '#support/errors.ts';
import { nearest } from '#support/nearest.ts';
import { paths } from '#support/paths.ts';
import { readYaml } from '#support/yaml.ts';

const name = z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, 'expected lower-case letters, digits, dots and dashes');
const fileMap = z.array(z.strictObject({ from: z.string(), to: z.string() }));

const pull = z.strictObject({
  /** As `docker pull` takes it, without the digest. */
  reference: z.string(),
  version: z.string(),
  digest: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/, 'expected sha256: and 64 hexadecimal digits')
    .optional(),
  /** For parts that are files: which ones to take out of the image. */
  files: fileMap.optional(),
});

const common = {
  version: z.string().optional(),
  /** The part whose version this one has. */
  versionOf: name.optional(),
  /** Parts of one release are all pulled or all built. */
  release: name.optional(),
  /** Folder under kind/images; the part's own name when absent. */
  recipe: name.optional(),
  /** Parts this is made from, each as `name` or `alias=name`. */
  from: z.array(z.string().regex(/^([a-z0-9.-]+=)?[a-z0-9.-]+$/, 'expected part or alias=part')).default([]),
  pull: pull.optional(),
  /** Raised when the way it is built changes and its recipe does not show it. */
  revision: z.number().optional(),
  /** Measured on two cores with empty caches. */
  expectedSeconds: z.number().positive(),
};

const goPart = z.strictObject({
  build: z.literal('go'),
  ...common,
  module: z.string(),
  /**
   * `tool` builds what the recipe's go.mod lists as tools, `.` its own main package, a list these packages, `none` nothing: only
   * `files` are kept.
   */
  target: z.union([z.enum(['tool', '.', 'none']), z.array(z.string()).min(1)]).default('tool'),
  /** Build tags, such as those of the product's own releases. */
  tags: z.array(z.string()).default([]),
  /** Set at link time, variable to value. */
  variables: z.record(z.string(), z.string()).default({}),
  /** The programs; none, with the target `none`. */
  outputs: z.array(z.string()).default([]),
  /** Files and folders to keep out of the module itself. */
  files: fileMap.default([]),
});
const wheelPart = z.strictObject({ build: z.literal('wheel'), ...common, package: z.string(), files: fileMap });
const npmPart = z.strictObject({ build: z.literal('npm'), ...common, package: z.string(), files: fileMap });
/** One package of the Debian release that `version` names, without what it depends on. */
const debPart = z.strictObject({ build: z.literal('deb'), ...common, package: z.string(), files: fileMap });
/** The production modules of a package.json and its lock file. */
const npmInstallPart = z.strictObject({ build: z.literal('npm-install'), ...common, source: z.string() });
/** The recipe's own build.sh, with the folder of inputs and the folder to write to. */
const scriptPart = z.strictObject({
  build: z.literal('script'),
  ...common,
  tools: z.array(z.string()).default([]),
  outputs: z.array(z.string()).min(1),
});
const rootfsPart = z.strictObject({ build: z.literal('mmdebstrap'), ...common, packages: z.array(z.string()) });
const imagePart = z.strictObject({
  build: z.literal('image'),
  ...common,
  /** Build argument to the image part it stands for. */
  bases: z.record(z.string(), name).default({}),
  /** Folders of the repository that the Dockerfile copies. */
  sources: z.array(z.string()).default([]),
  /** Names under which a node finds the image. */
  names: z.array(z.string()).default([]),
});
/** A node image with more images preloaded into its containerd. */
const nodePart = z.strictObject({ build: z.literal('node'), ...common, base: name, preload: z.array(name).min(1) });

const partSpec = z.discriminatedUnion(
  'build',
  [goPart, wheelPart, npmPart, debPart, npmInstallPart, scriptPart, rootfsPart, imagePart, nodePart],
  'expected build to be one of go, wheel, npm, deb, npm-install, script, mmdebstrap, image, node',
);

const versionsFile = z
  .strictObject({
    schema: z.literal(1),
    /** Named groups of parts: what a profile needs. */
    sets: z.record(name, z.array(name)).default({}),
    parts: z.record(name, partSpec),
  })
  .superRefine(({ parts, sets }, context) => {
    for (const [set, members] of Object.entries(sets))
      for (const [at, member] of members.entries())
        if (!(member in parts))
          context.addIssue({
            code: 'custom',
            path: ['sets', set, at],
            message: `expected the name of a part, ${member} is none`,
          });
    for (const [part, spec] of Object.entries(parts)) {
      const complain = (field: string, message: string) =>
        context.addIssue({ code: 'custom', path: ['parts', part, field], message });
      if ((spec.version === undefined) === (spec.versionOf === undefined))
        complain('build', `${part}: expected either version or versionOf`);
      for (const [field, needed] of references(spec))
        if (!(needed in parts)) complain(field, `expected the name of a part, ${needed} is none`);
      if (spec.build === 'go') {
        const builds = spec.target !== 'none';
        if (builds !== spec.outputs.length > 0)
          complain(
            'outputs',
            builds ? 'expected the programs that it builds' : 'expected none: target none builds none',
          );
        if (!builds && spec.files.length === 0) complain('files', 'expected files: target none keeps nothing else');
      }
      if (spec.pull && !isImage(spec) && !spec.pull.files?.length)
        complain('pull', 'expected files: which ones to take out of the image');
    }
    const circle = findCircle(parts);
    if (circle) context.addIssue({ code: 'custom', path: ['parts', circle], message: `${circle} is made from itself` });
  });

export type PartSpec = z.output<typeof partSpec>;
export type SpecOf<B extends PartSpec['build']> = Extract<PartSpec, { build: B }>;
export type PullSpec = z.output<typeof pull>;
export type Versions = z.output<typeof versionsFile>;

/** One thing a part is made from: the part, and the name that its recipe knows it by. */
export interface Ingredient {
  alias: string;
  part: string;
}

let ours: Promise<Versions> | undefined;

/**
 * Reads kind/versions.yaml, once in the life of a process: everything that makes or finds a part asks for it.
 *
 * @param file another one, which is read anew each time
 * @throws UsageError with file, line, column and what was expected
 */
export function loadVersions(file: string = paths.versions): Promise<Versions> {
  if (file === paths.versions) return (ours ??= readYaml(file, versionsFile));
  return readYaml(file, versionsFile);
}

/** Whether the part is a container image; else it is a folder of files. */
export function isImage(spec: PartSpec): spec is SpecOf<'image'> | SpecOf<'node'> | SpecOf<'mmdebstrap'> {
  return spec.build === 'image' || spec.build === 'node' || spec.build === 'mmdebstrap';
}

/** @throws UsageError naming the nearest part when there is none of this name */
export function specOf(versions: Versions, part: string): PartSpec {
  const spec = versions.parts[part];
  if (spec) return spec;
  throw new UsageError(
    `no part is called ${part}`,
    nearest(part, Object.keys(versions.parts), 'did you mean') ?? './meshwitness images list',
  );
}

/**
 * Names of parts and of sets as names of parts, each once.
 *
 * @throws UsageError for a name that is neither
 */
export function expandSets(versions: Versions, names: readonly string[]): string[] {
  const parts = names.flatMap((each) => {
    const set = versions.sets[each];
    if (!set) specOf(versions, each);
    return set ?? [each];
  });
  return [...new Set(parts)];
}

/** The version of a part when it is built: that of a module or package, or of the part it takes it from. */
export function versionOf(versions: Versions, part: string): string {
  const spec = specOf(versions, part);
  return spec.version ?? versionOf(versions, spec.versionOf ?? part);
}

/** The module or package a part is built from, followed through `versionOf`. */
export function moduleOf(versions: Versions, part: string): string | undefined {
  const spec = specOf(versions, part);
  if ('module' in spec) return spec.module;
  if ('package' in spec) return spec.package.replaceAll('{arch}', process.arch);
  return spec.versionOf === undefined ? undefined : moduleOf(versions, spec.versionOf);
}

/** What a part is made from, with the alias that its recipe uses. */
export function ingredientsOf(spec: PartSpec): Ingredient[] {
  return references(spec)
    .filter(([field]) => field !== 'versionOf')
    .map(([, part, alias]) => ({ alias, part }));
}

function references(spec: PartSpec): [field: string, part: string, alias: string][] {
  const found: [string, string, string][] = spec.from.map((entry) => {
    const [alias = entry, part = alias] = entry.split('=', 2);
    return ['from', part, alias];
  });
  if (spec.versionOf !== undefined) found.push(['versionOf', spec.versionOf, spec.versionOf]);
  if (spec.build === 'image')
    found.push(...Object.entries(spec.bases).map(([arg, part]) => ['bases', part, arg] as [string, string, string]));
  if (spec.build === 'node') {
    found.push(['base', spec.base, spec.base]);
    found.push(...spec.preload.map((part) => ['preload', part, part] as [string, string, string]));
  }
  return found;
}

function findCircle(parts: Record<string, PartSpec>): string | undefined {
  const done = new Set<string>();
  const visit = (part: string, above: Set<string>): boolean => {
    if (above.has(part)) return true;
    const spec = parts[part];
    if (done.has(part) || !spec) return false;
    const circle = references(spec).some(([, next]) => visit(next, new Set([...above, part])));
    if (!circle) done.add(part);
    return circle;
  };
  return Object.keys(parts).find((part) => visit(part, new Set()));
}
