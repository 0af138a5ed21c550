import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { istioAmong, productName, type Channel } from '#install/channel.ts';
import type { IstioChannel } from '#install/istio-manifests.ts';
import type { Manifest } from '#lab/cluster.ts';
import { publishedName } from '#machine/image-names.ts';
import { loadVersions } from '#machine/versions.ts';
import { UsageError } from '#support/errors.ts';
import { paths } from '#support/paths.ts';
import type { CataloguedCheck } from '#verdict/catalogue.ts';
import { withPatches } from '#verdict/overlay.ts';
import { keptPlaceholders, placeholder, readManifests } from '#verdict/manifest-file.ts';
import { absentFrom } from '#verdict/provider.ts';
import {
  imageNames,
  planScene,
  sceneFacts,
  type SceneFacts,
  type SceneOptions,
  type ScenePlan,
} from '#verdict/scene-file.ts';

/** A check with its objects, ready to run. */
export interface PlannedCheck {
  check: CataloguedCheck;
  channel: Channel;
  manifests: readonly Manifest[];
  /** What the placeholders of its manifests stand for. */
  names: Record<string, string>;
}

/** Checks that share a scene under one control plane: they run one after another, beside other groups. */
export interface Group {
  channel: Channel;
  plan: ScenePlan;
  checks: PlannedCheck[];
}

/** What a run will do, read from files only. */
export interface RunPlan {
  groups: Group[];
  /** Checks that run when everything else has ended, or that bring a lab of their own. */
  alone: { planned: PlannedCheck; plan?: ScenePlan }[];
  /** Checks that nothing here can decide, each with the reason for its `unsupported`. */
  withheld: { check: CataloguedCheck; channel: Channel; reason: string }[];
  /** Images that the checks ask for, beyond what every node has preloaded. */
  parts: string[];
  /** Programs that they run on this machine. */
  tools: string[];
  /** Capabilities that they need. */
  needs: string[];
  /** Products and versions that decide something. */
  channels: Channel[];
}

/** Whether a cluster is needed to decide it: where every check is withheld, or later work, none is. */
export const needsGround = ({ groups, alone }: RunPlan): boolean => groups.length + alone.length > 0;

/**
 * Reads scenes and manifests of the checks, with every name filled in, so that a mistake in one is found before anything is
 * started.
 *
 * @throws UsageError for a malformed scene or manifest
 */
export async function planRun(
  checks: readonly CataloguedCheck[],
  channels: readonly IstioChannel[],
  lab: string,
  options: SceneOptions = {},
): Promise<RunPlan> {
  const decidable = checks.filter(({ level }) => level !== 'roadmap');
  const asked = await Promise.all(decidable.map((check) => ask(check, channels, options)));
  const able = asked.filter(({ reason }) => reason === undefined);
  const shared = able.filter(({ check: { alone, scene } }) => alone !== true && scene !== undefined);
  const every = [...new Set(able.flatMap(({ deciders }) => deciders))];
  const groups = every.flatMap((channel) => {
    const here = shared.filter(({ deciders }) => deciders.includes(channel)).map(({ check }) => check);
    return [...Map.groupBy(here, ({ scene = '' }) => scene)].map(async ([name, own]): Promise<Group> => {
      const plan = await planScene(name, usesOf(own), channel, options);
      const planned = own.map((check) => planCheck(check, channel, plan, options));
      return { channel, plan, checks: await Promise.all(planned) };
    });
  });
  const rest = able.filter((each) => !shared.includes(each));
  const alone = rest.flatMap(({ check, deciders }) => {
    // What stands on no scene is the harness itself, which is the same under every control plane.
    return deciders.slice(0, check.scene === undefined ? 1 : deciders.length).map(async (channel) => {
      if (check.scene === undefined)
        return { planned: await planCheck(check, channel, { names: { lab, channel } }, options) };
      const plan = await planScene(check.scene, usesOf([check]), channel, options);
      return { plan, planned: await planCheck(check, channel, plan, options) };
    });
  });
  const [channel = 'current'] = channels;
  return {
    groups: await Promise.all(groups),
    alone: await Promise.all(alone),
    withheld: asked.flatMap(({ check, reason, deciders: [decider = channel] }) =>
      reason === undefined ? [] : [{ check, channel: decider, reason }],
    ),
    parts: [...new Set(asked.flatMap(({ reason, parts }) => (reason === undefined ? parts : [])))],
    tools: [...new Set(able.flatMap(({ check: { tools = [] } }) => tools))],
    needs: [...new Set(able.flatMap(({ check }) => check.needs))],
    channels: every,
  };
}

const usesOf = (checks: readonly CataloguedCheck[]): string[] => [...new Set(checks.flatMap(({ uses = [] }) => uses))];

/** What a check stands on: the harness itself, where it names no scene, under every control plane alike. */
const groundOf = async ({ scene, uses = [] }: CataloguedCheck): Promise<SceneFacts> =>
  scene === undefined ? { product: 'istio', parts: [] } : sceneFacts(scene, uses);

/** The images that a check stands on, beyond what every node has preloaded: those of its workloads, and its own. */
export async function partsOf(check: CataloguedCheck): Promise<string[]> {
  return [...(await groundOf(check)).parts, ...(check.parts ?? [])];
}

/** What a check asks for; and the reason why it is not decided here, if there is one. */
async function ask(asked: CataloguedCheck, channels: readonly IstioChannel[], { revision, outside }: SceneOptions) {
  const ground = await groundOf(asked);
  const elsewhere = ground.provider === undefined ? undefined : outside;
  const check = elsewhere ? without(asked, ground.provider) : asked;
  const parts = [...ground.parts, ...(check.parts ?? [])];
  const istio = channels.filter((each) => check.channels?.includes(each) ?? true);
  const deciders: Channel[] = ground.product === 'istio' ? istio : [ground.product];
  const reason = async (): Promise<string | undefined> => {
    if (deciders.length === 0) return `istio-${check.channels?.join(' or ')} decides it, and is not part of this run`;
    const absent = elsewhere && absentFrom(elsewhere, check.needs);
    if (absent !== undefined || revision === undefined) return absent;
    if (istioAmong(deciders).length > 0) return unpublished(parts);
    return `${deciders.map(productName).join()} decides it, which we install in labs of our own only`;
  };
  return { check, parts, deciders, reason: await reason() };
}

/** The same check, where one of its workloads is elsewhere. */
const without = (check: CataloguedCheck, workload: string | undefined): CataloguedCheck => ({
  ...check,
  uses: (check.uses ?? []).filter((each) => each !== workload),
});

/** Why a cluster of the user's cannot run the images of these parts, if one of them cannot be pulled. */
async function unpublished(parts: readonly string[]): Promise<string | undefined> {
  const versions = await loadVersions();
  const [missing] = parts.filter((part) => publishedName(versions, part) === undefined);
  if (missing === undefined) return undefined;
  return `image ${missing} is absent here: it is published nowhere, and images of ours cannot be brought to this cluster`;
}

async function planCheck(
  check: CataloguedCheck,
  channel: Channel,
  scene: Pick<ScenePlan, 'names' | 'provider'>,
  { revision }: SceneOptions,
): Promise<PlannedCheck> {
  const names = { ...scene.names, ...(await imageNames(check.parts ?? [], revision !== undefined)) };
  const filled = { ...names, ...keptPlaceholders(Object.keys(scene.provider?.secrets ?? {})) };
  const shared = filesOf(check).map((file) => readManifests(file, filled));
  const own = readManifests(check.manifestFile, filled).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  const manifests = withPatches((await Promise.all([...shared, own])).flat());
  return { check, channel, manifests, names };
}

/** Files of the scene whose documents a check applies as its own. */
export const filesOf = ({ scene = '', applies = [] }: CataloguedCheck): string[] =>
  applies.map((each) => resolve(paths.manifests, scene, each));

/** The YAML beside a check as a reader sees it: with the names of the first control plane, without secrets. Undefined when there is none. */
export async function manifestText(check: CataloguedCheck, names: Record<string, string>): Promise<string | undefined> {
  const text = await readFile(check.manifestFile, 'utf8').catch(() => undefined);
  return text
    ?.replaceAll(placeholder, (_, key: string) => names[key] ?? `<${key}>`)
    .replaceAll(/\$\{address:([\w-]+)\}/g, '<address of $1>');
}

/**
 * The twin of one check that a person named for `--sabotage`.
 *
 * @throws UsageError when there is not exactly one check, or it has no such twin
 */
export function sabotageOf(checks: readonly CataloguedCheck[], name: string): CataloguedCheck['twins'][number] {
  const [check] = checks;
  if (check === undefined || checks.length !== 1)
    throw new UsageError(`--sabotage takes one check, ${checks.length} are chosen`, './meshwitness list');
  const found = check.twins.find((twin) => twin.name === name);
  if (found) return found;
  const known = check.twins.map((twin) => twin.name).join(', ') || 'none';
  throw new UsageError(
    `${check.id} has no twin called "${name}": it has ${known}`,
    `./meshwitness explain ${check.id}`,
  );
}
