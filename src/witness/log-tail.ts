import type { Cluster } from '#lab/cluster.ts';
import { openLog, type LoggedContainer } from '#witness/open-log.ts';

/** Enough for every probe of a check, and for what a container said when it started. */
const tailLines = 500;

/** The last lines of a container's log. */
export async function logTail(cluster: Cluster, container: LoggedContainer, signal: AbortSignal): Promise<string> {
  const body = await openLog(cluster, container, { tailLines: String(tailLines) }, { signal });
  return body.text();
}

/** A start and some minutes of traffic; the rest of a long log is left out. */
const headBytes = 8 * 1024 * 1024;

/** A container's log from its first line on. */
export async function logHead(cluster: Cluster, container: LoggedContainer, signal: AbortSignal): Promise<string> {
  const body = await openLog(cluster, container, { limitBytes: String(headBytes) }, { signal });
  return body.text();
}
