/** Of the connection to the issuer's socket. Newer Istio ends the name of a cluster with `;`: read both, keep the plain one. */
const issuerConnection = [
  'upstream_cx_total',
  'upstream_cx_active',
  'upstream_cx_connect_fail',
  'upstream_cx_destroy_remote',
  'upstream_rq_total',
  'upstream_rq_active',
];

/** The name of a counter without the mark that newer Istio ends cluster names with. */
export const plainStat = (name: string): string => name.replace(/^(cluster\..*);\./, '$1.');

/**
 * Endings of Envoy's counters and gauges that tell of certificates, for `readCounters`. Istio's proxies keep most of
 * them only when asked to, by `proxyStatsMatcher` or the `sidecar.istio.io/statsInclusionRegexps` annotation; one that
 * is not kept is absent, not zero. Seen on Envoy 1.36.4 and 1.40.0.
 */
export const certificateStats = [
  // What the issuer sent, and what became of it. A re-push of the same pair is a success here.
  'sds.default.update_attempt',
  'sds.default.update_success',
  'sds.default.update_rejected',
  'sds.default.update_failure',
  // Of the last delivery, in milliseconds since 1970.
  'sds.default.update_time',
  'sds.default.key_rotation_failed',
  'sds.default.init_fetch_timeout',
  // 1 while the stream for this secret is open.
  'sds.default.control_plane.connected_state',
  'sds.ROOTCA.update_success',
  'sds.ROOTCA.update_rejected',
  'sds.ROOTCA.control_plane.connected_state',
  // Contexts that were really made anew: the same pair pushed again does not count.
  'ssl_context_update_by_sds',
  // The connection to the issuer's socket.
  ...issuerConnection.flatMap((each) => [`cluster.sds-grpc.${each}`, `cluster.sds-grpc;.${each}`]),
  // Whole days, always kept; and the second of expiry per context, rarely kept.
  'server.days_until_first_cert_expiring',
  'ssl.certificate.default.expiration_unix_time_seconds',
  // What handshakes say.
  'ssl.handshake',
  'ssl.connection_error',
  'ssl.fail_verify_error',
  'ssl.fail_verify_san',
  'ssl.fail_verify_no_cert',
];

/** The same as a value of the annotation that makes an Istio proxy keep them. */
export const certificateStatsInclusion = String.raw`sds\..*,cluster\.sds-grpc.*,.*ssl_context_update_by_sds,.*\.ssl\..*`;

/**
 * Counters by their plain names, and what a proxy counts for each of a score of outbound clusters added up under
 * `cluster.outbound`.
 */
export function summed(counters: Record<string, number>): Record<string, number> {
  const all: Record<string, number> = {};
  for (const [stat, value] of Object.entries(counters)) {
    const outbound = stat.startsWith('cluster.outbound|') && certificateStats.find((ending) => stat.endsWith(ending));
    const name = outbound ? `cluster.outbound.${outbound}` : plainStat(stat);
    all[name] = (all[name] ?? 0) + value;
  }
  return all;
}
