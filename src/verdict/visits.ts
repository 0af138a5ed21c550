import { z } from 'zod';
import type { BrowseRequest } from '#fixtures/server/protocol-browse.ts';
import type { Manifest } from '#lab/cluster.ts';
import { visitFrom, type Browser, type Visited } from '#probe/browser.ts';
import type { ProbeEvidence } from '#support/evidence.ts';
import { timeouts } from '#support/timeouts.ts';
import { providerEntry } from '#support/visit-evidence.ts';
import { caName } from '#verdict/scene-certificates.ts';
import type { Account } from '#verdict/provider.ts';
import type { Scene } from '#verdict/scene.ts';
import type { Workload } from '#verdict/workload.ts';

/** One visit of a browser to a gateway. */
export interface VisitPlan {
  /** The workload that stands for the person's machine. */
  from: string;
  /** The workload that is meant to answer in the end. */
  to: string;
  /** The gateway that hosts of the scene lead to. */
  gateway: string;
  /** Hosts that lead to other gateways. */
  hosts?: Record<string, string>;
  url: string;
  /** Who logs in, when the provider asks. Without: nobody, and the form is where the visit ends. */
  login?: string;
  /** Cookies are kept under this name for the next visit of the check. Without: none before, none after. */
  jar?: string;
  /** What is changed in the address that the provider sends the browser back to. */
  alter?: string;
  /** Addresses that are not followed any more. */
  stopAt?: string;
  /** Done to cookies before the visit. */
  tamper?: BrowseRequest['tamper'];
  role?: ProbeEvidence['role'];
  /** Endings of counters to read around the visit, by the workload whose proxy counts. */
  counters?: Record<string, string[]>;
}

/** More entries than any log has: the answer tells their number, and none of them. */
const beyondAny = 1e14;
const providerLog = z.object({ entries: z.array(providerEntry), seen: z.number() });

/**
 * Sends a browser on its way, with every host of the scene where it belongs, and reads what the provider wrote down of it.
 *
 * @param jars tells the jars of one stage from those that others keep under the same names in the same place
 * @param browser makes the visit from this machine; without one the workload does
 */
export async function visitAs(
  scene: Scene,
  { from, gateway, hosts = {}, url, login, jar, alter, stopAt, tamper }: VisitPlan,
  { id, jars, browser }: { id: string; jars: string; browser?: Browser | undefined },
  signal: AbortSignal,
): Promise<Visited> {
  const caller = await scene.fixture(from);
  const { hosts: ofScene, provider: { ours, outside } = {} } = scene.plan;
  const accounts = ours && scene.workloads.get(ours.workload);
  const log = accounts && (await scene.fixture(accounts.name));
  const before = await log
    ?.json(`/idp/log?since=${beyondAny}`, { signal })
    .then((page) => providerLog.parse(page).seen);
  const addressOf = (name: string) => scene.workload(name).address ?? scene.workload(name).podIP;
  const resolve = {
    ...(ofScene !== undefined && { [ofScene]: { address: addressOf(gateway) } }),
    ...Object.fromEntries(Object.entries(hosts).map(([host, name]) => [host, { address: addressOf(name) }])),
    ...(accounts && { [ours.host]: await placeOf(scene, accounts, ours.port, browser !== undefined) }),
    ...outside?.resolve,
  };
  const request: BrowseRequest = {
    id,
    url,
    resolve,
    ca: [await authorityOf(scene), outside?.ca].filter(Boolean).join('\n'),
    timeoutMs: timeouts.visitMs,
    ...(login !== undefined && { login: accountOf(scene, login) }),
    ...(jar !== undefined && { jar: `${jars}-${jar}` }),
    ...(alter !== undefined && { alter }),
    ...(stopAt !== undefined && { stopAt }),
    ...(tamper && { tamper }),
  };
  const visited = await (browser ? browser.visit(request, signal) : visitFrom(caller, request, signal));
  if (outside) return { ...visited, visit: { ...visited.visit, outsideProvider: true } };
  if (!log) return visited;
  const { entries } = providerLog.parse(await log.json(`/idp/log?since=${before}`, { signal }));
  return { ...visited, visit: { ...visited.visit, provider: entries } };
}

/** Who logs in for a user whom a check names: ours takes any name. @throws Error for one that a provider of the user's does not know */
function accountOf({ plan }: Scene, login: string): Account {
  const outside = plan.provider?.outside;
  if (!outside) return { username: login };
  const found = outside.accounts[login];
  if (!found) throw new Error(`no account of this provider is given for ${login}: the check needs scripted-provider`);
  return found;
}

/** Pods have no address on this machine. */
async function placeOf({ forwards }: Scene, { namespace, pod, podIP }: Workload, port: number, fromHere: boolean) {
  return fromHere
    ? { address: '127.0.0.1', port: await forwards.port(namespace, pod, port) }
    : { address: podIP, port };
}

/** Certificate of the CA that the scene's servers have theirs from, as PEM. */
export async function authorityOf({ cluster, plan }: Scene): Promise<string> {
  const namespace = plan.certificates[0]?.namespaces[0];
  const found = await cluster.read<Manifest & { data?: { 'ca.crt'?: string } }>('v1', 'ConfigMap', caName, namespace);
  return found?.data?.['ca.crt'] ?? '';
}
