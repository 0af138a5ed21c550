/** Path of pilot-agent's own metrics on its port 15020. */
export const supervisorPath = '/stats/prometheus';

/**
 * What pilot-agent says of the certificates that it fetched itself. Those that Envoy gets from an outside issuer are
 * none of its business, and not among them.
 *
 * @param page text of {@link supervisorPath}, in Prometheus' exposition format
 * @returns seconds until expiry by `resource_name` (`default`, `ROOTCA`), negative once expired; empty when it says nothing
 */
export function supervisorExpirySeconds(page: string): Record<string, number> {
  // One gauge with one label: a parser for the whole format would read thousands of Envoy's lines for it.
  const gauge = /^(?:istio_agent_)?cert_expiry_seconds\{[^}]*resource_name="(?<secret>[^"]+)"[^}]*\} (?<seconds>\S+)/gm;
  return Object.fromEntries(
    [...page.matchAll(gauge)].map(({ groups }) => [groups?.['secret'] ?? '', Number(groups?.['seconds'])]),
  );
}
