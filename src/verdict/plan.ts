import { readFile } from 'node:fs/promises';
import type { IstioChannel } from '#install/istio-manifests.ts';
import type { Manifest } from '#lab/cluster.ts';
import { publishedName } from '#machine/image-names.ts';
import { loadVersions } from '#machine/versions.ts';
import { UsageError } from '#support/errors.ts';
import type { CataloguedCheck } from '#verdict/catalogue.ts';
import {
  imageNames,
  partsOfScene,
  placeholder,
  planScene,
  readManifests,
  type ScenePlan,
} from '#verdict/scene-file.ts';

/** A check with its objects, ready to run. */
export interface PlannedCheck {
  check: CataloguedCheck;
  channel: IstioChannel;
  manifests: readonly Manifest[];
  /** What the placeholders of its manifests stand for. */
  names: Record<string, string>;
}

/** Checks that share a scene under one control plane: they run one after another, beside other groups. */
export interface Group {
  channel: IstioChannel;
  plan: ScenePlan;
  checks: PlannedCheck[];
}

/** What a run will do, read from files only. */
export interface RunPlan {
  groups: Group[];
  /** Checks that run when everything else has ended, or that bring a lab of their own. */
  alone: { planned: PlannedCheck; plan?: ScenePlan }[];
  /** Checks that nothing here can decide, each with the reason for its `unsupported`. */
  withheld: { check: CataloguedCheck; channel: IstioChannel; reason: string }[];
  /** Images that the checks ask for, beyond what every node has preloaded. */
  parts: string[];
  /** Capabilities that they need. */
  needs: string[];
}

/**
 * Reads scenes and manifests of the checks, with every name filled in, so that a mistake in one is found before anything is
 * started.
 *
 * @param revision of the control plane in a cluster of the user's; in our labs it is called as the channel
 * @throws UsageError for a malformed scene or manifest
 */
export async function planRun(
  checks: readonly CataloguedCheck[],
  channels: readonly IstioChannel[],
  lab: string,
  revision?: string,
): Promise<RunPlan> {
  const decidable = checks.filter(({ level }) => level !== 'roadmap');
  const asked = await Promise.all(decidable.map((check) => ask(check, channels, revision !== undefined)));
  const able = asked.filter(({ reason }) => reason === undefined).map(({ check }) => check);
  const shared = able.filter(({ alone, scene }) => alone !== true && scene !== undefined);
  const groups = channels.flatMap((channel) => {
    const here = shared.filter((check) => decides(channel, check));
    return [...Map.groupBy(here, ({ scene = '' }) => scene)].map(async ([name, own]): Promise<Group> => {
      const plan = await planScene(name, usesOf(own), channel, revision);
      const planned = own.map((check) => planCheck(check, channel, plan.names, revision));
      return { channel, plan, checks: await Promise.all(planned) };
    });
  });
  const rest = able.filter((check) => !shared.includes(check));
  const alone = rest.flatMap((check) => {
    const own = channels.filter((channel) => decides(channel, check));
    // What stands on no scene is the harness itself, which is the same under every control plane.
    return own.slice(0, check.scene === undefined ? 1 : own.length).map(async (channel) => {
      if (check.scene === undefined) return { planned: await planCheck(check, channel, { lab, channel }, revision) };
      const plan = await planScene(check.scene, usesOf([check]), channel, revision);
      return { plan, planned: await planCheck(check, channel, plan.names, revision) };
    });
  });
  const [channel = 'current'] = channels;
  return {
    groups: await Promise.all(groups),
    alone: await Promise.all(alone),
    withheld: asked.flatMap(({ check, reason }) => (reason === undefined ? [] : [{ check, channel, reason }])),
    parts: [...new Set(asked.flatMap(({ reason, parts }) => (reason === undefined ? parts : [])))],
    needs: [...new Set(able.flatMap(({ needs }) => needs))],
  };
}

const usesOf = (checks: readonly CataloguedCheck[]): string[] => [...new Set(checks.flatMap(({ uses = [] }) => uses))];

const decides = (channel: IstioChannel, { channels }: CataloguedCheck): boolean => channels?.includes(channel) ?? true;

/** The images that a check stands on, beyond what every node has preloaded: those of its workloads, and its own. */
export async function partsOf({ scene, uses = [], parts = [] }: CataloguedCheck): Promise<string[]> {
  return [...(scene === undefined ? [] : await partsOfScene(scene, uses)), ...parts];
}

/** What a check asks for; and the reason why it is not decided here, if there is one. */
async function ask(check: CataloguedCheck, channels: readonly IstioChannel[], users: boolean) {
  const parts = await partsOf(check);
  if (channels.some((channel) => decides(channel, check)))
    return { check, parts, reason: users ? await unpublished(parts) : undefined };
  return { check, parts, reason: `istio-${check.channels?.join(' or ')} decides it, and is not part of this run` };
}

/** Why a cluster of the user's cannot run the images of these parts, if one of them cannot be pulled. */
async function unpublished(parts: readonly string[]): Promise<string | undefined> {
  const versions = await loadVersions();
  const [missing] = parts.filter((part) => publishedName(versions, part) === undefined);
  if (missing === undefined) return undefined;
  return `image ${missing} is absent here: it is published nowhere, and images of ours cannot be brought to this cluster`;
}

async function planCheck(
  check: CataloguedCheck,
  channel: IstioChannel,
  sceneNames: Record<string, string>,
  revision: string | undefined,
): Promise<PlannedCheck> {
  const names = { ...sceneNames, ...(await imageNames(check.parts ?? [], revision !== undefined)) };
  const manifests = await readManifests(check.manifestFile, names).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  return { check, channel, manifests, names };
}

/** The YAML beside a check as a reader sees it, with the names of the first control plane; undefined when there is none. */
export async function manifestText(check: CataloguedCheck, names: Record<string, string>): Promise<string | undefined> {
  const text = await readFile(check.manifestFile, 'utf8').catch(() => undefined);
  return text
    ?.replaceAll(placeholder, (whole, key: string) => names[key] ?? whole)
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
