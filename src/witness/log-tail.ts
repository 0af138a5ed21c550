import type { Cluster } from '#lab/cluster.ts';
import { openLog, type LoggedContainer } from '#witness/open-log.ts';

/** Enough for every probe of a check, and for what a container said when it started. */
const tailLines = 500;

/** The last lines of a container's log. */
export async function logTail(cluster: Cluster, container: LoggedContainer, signal: AbortSignal): Promise<string> {
  const body = await openLog(cluster, container, { tailLines: String(tailLines) }, { signal });
  return body.text();
}
