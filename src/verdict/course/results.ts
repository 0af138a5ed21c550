import type { PodHttp } from '#lab/forward.ts';
import { plainSerial, type Course, type ProxyCourse } from '#support/certificates.ts';
import { cannotReload, tlsInventory } from '#witness/certificates/tls-contexts.ts';
import type { IssuerLogEntry, IssuerStream } from '#witness/issuer.ts';
import { logHead } from '#witness/log-tail.ts';
import type { Ground } from '#verdict/course/ground.ts';
import type { ProxyWatch } from '#verdict/course/proxy-watch.ts';

/** What each source said of each proxy, with what only the end tells: streams, versions, contexts that no SDS feeds. */
export async function proxiesOf(ground: Ground, watches: readonly ProxyWatch[]): Promise<ProxyCourse[]> {
  const { scene, script, issuer, signal } = ground;
  const log = (await issuer?.log(0)) ?? [];
  const identities = new Map(((await issuer?.page())?.identities ?? []).map((each) => [each.name, each]));
  const one = async (watch: ProxyWatch): Promise<ProxyCourse> => {
    const { workload } = watch;
    const admin = await scene.admin(workload);
    const issued = issuancesOf(log.filter(({ identity }) => identity === workload));
    const [envoy, pinned] = await Promise.all([versionOf(admin, signal), pinnedIn(admin, signal)]);
    return {
      ...watch.result(issued, envoy),
      streams: (identities.get(workload)?.streams ?? []).map(streamOf),
      pinned,
      signings: script.builtIn.includes(workload) ? await signingsOf(ground, workload) : [],
    };
  };
  return Promise.all(watches.map(one));
}

/** What the issuer told of streams and refusals since a place in its log. */
export async function toldBy({ issuer }: Ground, since: number): Promise<Course['events']> {
  const told = new Set(['stream-opened', 'stream-closed', 'rejected']);
  const log = ((await issuer?.log(since)) ?? []).filter(({ event }) => told.has(event));
  return log.map(({ at, identity, event, message, resource }) => ({
    at,
    workload: identity,
    what: event,
    detail: message ?? resource ?? '',
  }));
}

async function versionOf(admin: PodHttp, signal: AbortSignal): Promise<string | undefined> {
  const { version } = await admin.json<{ version?: string }>('/server_info', { signal });
  return version?.split('/')[1];
}

/** TLS contexts that no SDS feeds. */
async function pinnedIn(admin: PodHttp, signal: AbortSignal): Promise<NonNullable<ProxyCourse['pinned']>> {
  const { body } = await admin.request('/config_dump', { signal });
  return cannotReload(tlsInventory(body)).flatMap(({ kind, name, pinned }) =>
    pinned.map(({ file, leaf }) => ({
      context: `${kind} ${name}`,
      ...(leaf && { serial: leaf.serial }),
      ...(file !== undefined && { file }),
    })),
  );
}

/** Lines in which pilot-agent says that a certificate was signed for it. */
async function signingsOf({ scene, signal }: Ground, workload: string): Promise<string[]> {
  const { namespace, pod } = scene.workload(workload);
  const log = await logHead(scene.cluster, { namespace, pod, container: 'istio-proxy' }, signal);
  return log.split('\n').flatMap((line) => /^(\S+)\t.*generated new workload certificate/i.exec(line)?.[1] ?? []);
}

const streamOf = ({ openedAt, closedAt, requested, replies, acknowledged }: IssuerStream) => ({
  openedAt,
  ...(closedAt !== undefined && { closedAt }),
  requested,
  replies,
  acknowledged,
});

function issuancesOf(log: IssuerLogEntry[]): ProxyCourse['issuer'] {
  return log.flatMap(({ event, at, serial, notBefore, notAfter, uris = [], fingerprint, reason = '' }) => {
    if (event !== 'issued' || serial === undefined || notBefore === undefined || notAfter === undefined) return [];
    const leaf = { serial: plainSerial(serial), notBefore, notAfter, uris };
    return [{ at, reason, ...leaf, ...(fingerprint !== undefined && { fingerprint }) }];
  });
}
