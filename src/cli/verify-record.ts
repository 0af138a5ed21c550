import { readFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import type { Channel } from '#install/channel.ts';
import type { EngineInfo } from '#machine/docker.ts';
import type { CataloguedCheck } from '#verdict/catalogue.ts';
import { manifestText, type RunPlan } from '#verdict/plan.ts';
import type { RunRecord } from '#verdict/result.ts';

/**
 * The machine that a run stood on, as run.json tells it.
 *
 * @param engine absent when the run made no lab
 * @param browser of this machine, where that makes visits
 */
export async function machineFacts(
  engine: EngineInfo | undefined,
  browser: string | undefined,
): Promise<RunRecord['machine']> {
  const osRelease = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return {
    os: /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? process.platform,
    kernel: release(),
    cpus: engine?.cpus || cpus().length,
    memoryMiB: Math.round((engine?.memoryBytes || totalmem()) / 2 ** 20),
    node: process.version.slice(1),
    engine: engine ? `Docker ${engine.version}` : 'none: a cluster of the user',
    ...(browser !== undefined && { browser }),
  };
}

/**
 * Everything that reports tell of the checks of a run, so that they need no code: by id.
 *
 * @param flags of the run that the command for a single check needs as well
 */
export async function checkRecords(
  checks: readonly CataloguedCheck[],
  { groups, alone }: RunPlan,
  flags: readonly string[] = [],
): Promise<RunRecord['checks']> {
  const planned = [...groups.flatMap((group) => group.checks), ...alone.map((each) => each.planned)];
  const records = checks.map(async (check): Promise<[string, RunRecord['checks'][string]]> => {
    const first = planned.find((each) => each.check.id === check.id);
    const manifest = await manifestText(check, first?.names ?? {});
    const { id, title, system, level, tags, needs, story, twins } = check;
    return [
      id,
      {
        title,
        system,
        level,
        tags: [...tags],
        needs: [...needs],
        story,
        twins: twins.map(({ name, breaks }) => ({ name, breaks })),
        reproduce: [reproduce(id, first?.channel ?? check.channels?.[0]), ...flags].join(' '),
        ...(manifest !== undefined && { manifest }),
      },
    ];
  });
  return Object.fromEntries(await Promise.all(records));
}

/** The command that runs just this check. */
export function reproduce(id: string, channel: Channel = 'current'): string {
  return `./meshwitness verify ${id}${channel === 'envoy-gateway' ? '' : ` --istio ${channel}`}`;
}
