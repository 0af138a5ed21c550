import type { ProbeEvidence } from '#support/evidence.ts';

/**
 * Where witnesses of one probe exclude each other. One of them is wrong, so nothing may be decided on them. Pure.
 *
 * @returns a sentence for each contradiction
 */
export function contradictions(probe: ProbeEvidence): string[] {
  const { client, receipts, accessLog = [] } = probe;
  const found: string[] = [];
  const say = (text: string) => found.push(`${probe.name}: ${text}`);
  const received = receipts?.length ?? 0;
  const answeredByEcho = client.status === 200 && (client.body ?? '').includes(`"probeId":"${probe.id}"`);
  if (receipts !== undefined && answeredByEcho && received === 0)
    say('the client has the answer of a backend, and no backend has a receipt');
  if (client.outcome === 'refused' && received > 0) say('the client could not connect, and a backend has a receipt');
  for (const { proxy, entry } of accessLog.filter(({ proxy: { side } }) => side === 'destination')) {
    const own = (receipts ?? []).some(({ pod }) => pod === proxy.pod);
    if (entry.responseCodeDetails?.startsWith('rbac_access_denied') && own)
      say(`the log of ${proxy.pod} says denied, and its backend has a receipt`);
    if (
      entry.responseCode === 200 &&
      entry.responseCodeDetails === 'via_upstream' &&
      receipts !== undefined &&
      received === 0
    )
      say(`the log of ${proxy.pod} says that a backend answered, and no backend has a receipt`);
  }
  return found;
}
