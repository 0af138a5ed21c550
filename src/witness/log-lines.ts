import { createInterface } from 'node:readline';
import type { Cluster } from '#lab/cluster.ts';
import { openLog, type LoggedContainer } from '#witness/open-log.ts';

/**
 * The log of a container from its beginning, line by line as it is written; ends when the container has.
 *
 * @throws NotReadyError when there is no log of it yet; another Error when the stream breaks
 */
export async function* logLines(
  cluster: Cluster,
  container: LoggedContainer,
  signal: AbortSignal,
): AsyncGenerator<string> {
  // Who has nothing to say writes nothing for minutes.
  const body = await openLog(cluster, container, { follow: 'true' }, { signal, bodyTimeout: 0 });
  yield* createInterface({ input: body });
}
