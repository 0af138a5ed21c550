import type { AccessLogEntry, ProxyRef } from '#support/evidence.ts';

/**
 * Which side of a call a line of a proxy's log tells of: a sidecar writes one for what comes in and one for what goes out,
 * into the same log.
 */
export function sideOf({
  upstreamCluster = '',
  responseFlags,
  routeName,
}: Pick<AccessLogEntry, 'upstreamCluster' | 'responseFlags' | 'routeName'>): ProxyRef['side'] {
  if (upstreamCluster.startsWith('inbound|') || upstreamCluster.startsWith('InboundPassthroughCluster'))
    return 'destination';
  if (upstreamCluster === '' && responseFlags === 'NR' && routeName === undefined) return 'destination';
  return 'source';
}
