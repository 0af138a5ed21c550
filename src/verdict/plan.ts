import { readFile } from 'node:fs/promises';
import type { IstioChannel } from '#install/istio-manifests.ts';
import type { Manifest } from '#lab/cluster.ts';
import { UsageError } from '#support/errors.ts';
import type { CataloguedCheck } from '#verdict/catalogue.ts';
import { planScene, readManifests, type ScenePlan } from '#verdict/scene-file.ts';

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
  const shared = decidable.filter(({ alone, scene }) => alone !== true && scene !== undefined);
  const scenes = [...Map.groupBy(shared, ({ scene = '' }) => scene)];
  const groups = channels.flatMap((channel) =>
    scenes.map(async ([name, own]): Promise<Group> => {
      const plan = await planScene(name, usesOf(own), channel, revision);
      return { channel, plan, checks: await Promise.all(own.map((check) => planCheck(check, channel, plan.names))) };
    }),
  );
  const rest = decidable.filter((check) => !shared.includes(check));
  const alone = rest.flatMap((check) =>
    // What stands on no scene is the harness itself, which is the same under every control plane.
    channels.slice(0, check.scene === undefined ? 1 : channels.length).map(async (channel) => {
      if (check.scene === undefined) return { planned: await planCheck(check, channel, { lab, channel }) };
      const plan = await planScene(check.scene, usesOf([check]), channel, revision);
      return { plan, planned: await planCheck(check, channel, plan.names) };
    }),
  );
  return { groups: await Promise.all(groups), alone: await Promise.all(alone) };
}

const usesOf = (checks: readonly CataloguedCheck[]): string[] => [...new Set(checks.flatMap(({ uses = [] }) => uses))];

async function planCheck(
  check: CataloguedCheck,
  channel: IstioChannel,
  names: Record<string, string>,
): Promise<PlannedCheck> {
  const manifests = await readManifests(check.manifestFile, names).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  return { check, channel, manifests, names };
}

/** The YAML beside a check as a reader sees it, with the names of the first control plane; undefined when there is none. */
export async function manifestText(check: CataloguedCheck, names: Record<string, string>): Promise<string | undefined> {
  const text = await readFile(check.manifestFile, 'utf8').catch(() => undefined);
  return text?.replaceAll(/\$\{(\w+)\}/g, (whole, key: string) => names[key] ?? whole);
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
