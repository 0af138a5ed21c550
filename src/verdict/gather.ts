import { randomBytes } from 'node:crypto';
import { messageOf } from '#support/errors.ts';
import type { AccessLogEntry, ProbeEvidence, Receipt } from '#support/evidence.ts';
import { timeouts } from '#support/timeouts.ts';
import type { FollowedProxy } from '#witness/log-follower.ts';
import { receiptsOf } from '#witness/receipts.ts';
import { sideOf } from '#witness/side.ts';
import { callFrom } from '#probe/caller.ts';
import type { Scene } from '#verdict/scene.ts';
import type { Workload } from '#verdict/workload.ts';

type Silence = ProbeEvidence['silent'][number];

/**
 * Asks the logs and the backends about every probe at once.
 *
 * That a log has no line of a call only counts when the log is known to have been written past it. So a fence goes to
 * each proxy first: a last call from outside, whose own line says that all earlier ones are in.
 */
export async function gatherWitnesses(
  scene: Scene,
  uses: readonly string[],
  probes: readonly ProbeEvidence[],
  signal: AbortSignal,
): Promise<ProbeEvidence[]> {
  if (probes.length === 0) return [];
  const workloads = uses.map((name) => scene.workload(name));
  const [fenced, received] = await Promise.all([
    fence(
      scene,
      workloads.filter(({ proxy, ports }) => proxy && ports.length > 0),
      signal,
    ),
    receipts(
      scene,
      workloads.filter((each) => each.receives),
      probes,
      signal,
    ),
  ]);
  return probes.map((probe) => {
    const own = received.found.filter(({ probeId }) => probeId === probe.id);
    return {
      ...probe,
      accessLog: linesOf(scene, workloads, probe),
      ...((own.length > 0 || keepsReceipts(scene, probe.to)) && { receipts: own }),
      silent: [...probe.silent, ...fenced, ...received.silent],
    };
  });
}

/** An Envoy's admin port keeps no receipts: to ask for them would make their absence look like evidence. */
const keepsReceipts = (scene: Scene, to: string): boolean => scene.workloads.get(to)?.receives !== false;

/** Calls each proxy from outside the mesh, and waits for that call's line. Refused or served, it is logged. */
async function fence(scene: Scene, meshed: Workload[], signal: AbortSignal): Promise<Silence[]> {
  const outside = [...scene.workloads.values()].find(({ proxy }) => !proxy);
  if (!outside) throw new Error(`scene ${scene.plan.name} has no workload outside the mesh`);
  const caller = await scene.fixture(outside.name);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeouts.accessLogMs)]);
  const one = async (workload: Workload): Promise<Silence[]> => {
    const witness = `log of ${workload.name}`;
    const follower = scene.followers.get(workload.name);
    if (!follower) return [{ witness, reason: 'its log is not followed' }];
    try {
      const id = `mw-fence-${randomBytes(5).toString('hex')}`;
      const url = `http://${workload.podIP}:${workload.ports.at(-1)}/meshwitness-fence`;
      const { local } = await callFrom(caller, { id, url, timeoutMs: timeouts.fenceMs }, deadline);
      const from = local === undefined ? undefined : `${local.address}:${local.port}`;
      const own = (entry: AccessLogEntry) => entry.probeId === id || entry.downstreamRemoteAddress === from;
      const lines = await follower.expect(own, 1, deadline);
      if (lines.length > 0) return [];
      return [{ witness, reason: follower.trouble ?? `no line within ${timeouts.accessLogMs / 1000} s` }];
    } catch (error) {
      return [{ witness, reason: messageOf(error) }];
    }
  };
  return (await Promise.all(meshed.map(one))).flat();
}

async function receipts(
  scene: Scene,
  backends: Workload[],
  probes: readonly ProbeEvidence[],
  signal: AbortSignal,
): Promise<{ found: Receipt[]; silent: Silence[] }> {
  const ids = probes.map(({ id }) => id);
  const silent: Silence[] = [];
  const one = async ({ name }: Workload) => {
    try {
      return await receiptsOf(await scene.fixture(name), ids, signal);
    } catch (error) {
      silent.push({ witness: `receipts of ${name}`, reason: messageOf(error) });
      return [];
    }
  };
  const found = (await Promise.all(backends.map(one))).flat();
  return { found, silent };
}

/**
 * Lines that carry the probe's id, and those of connections that are the probe's by their address: raw TCP and refusals
 * have no id.
 */
function linesOf(scene: Scene, workloads: Workload[], probe: ProbeEvidence): NonNullable<ProbeEvidence['accessLog']> {
  const followed = workloads.flatMap(({ name }) => scene.followers.get(name) ?? []);
  const find = (fits: (entry: AccessLogEntry) => boolean) =>
    followed.flatMap((each) => each.find(fits).map((entry) => tied(each.proxy, entry)));
  const from = (addresses: ReadonlySet<string>) => (entry: AccessLogEntry) =>
    entry.probeId === undefined && entry.method === undefined && addresses.has(entry.downstreamRemoteAddress ?? '');
  const withId = find(({ probeId }) => probeId === probe.id);
  const { local } = probe.client;
  const client = new Set(local ? [`${local.address}:${local.port}`] : []);
  const opened = [...withId, ...find(from(client))].map(({ entry }) => entry.upstreamLocalAddress);
  return [...withId, ...find(from(new Set([...client, ...opened.filter((each) => each !== undefined)])))];
}

const tied = (proxy: FollowedProxy, entry: AccessLogEntry) => ({
  proxy: { ...proxy, side: proxy.side ?? sideOf(entry) },
  entry,
});
