import { HttpMethod, RequestContext } from '@kubernetes/client-node';
import { request, type Dispatcher } from 'undici';
import type { Cluster } from '#lab/cluster.ts';
import { timeouts } from '#support/timeouts.ts';

/** One container whose log is read. */
export interface LoggedContainer {
  namespace: string;
  pod: string;
  container: string;
}

/** Enough for every probe of a check, and for what a container said when it started. */
const tailLines = 500;

/** The last lines of a container's log. */
export async function logTail(
  { config }: Cluster,
  { namespace, pod, container }: LoggedContainer,
  signal: AbortSignal,
): Promise<string> {
  const query = new URLSearchParams({ container, tailLines: String(tailLines) }).toString();
  const url = `${config.getCurrentCluster()?.server}/api/v1/namespaces/${namespace}/pods/${pod}/log?${query}`;
  const security = new RequestContext(url, HttpMethod.GET);
  await config.applySecurityAuthentication(security);
  const { body, statusCode } = await request(url, {
    headers: security.getHeaders(),
    dispatcher: security.getDispatcher() as Dispatcher,
    signal,
    headersTimeout: timeouts.requestMs,
  });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`the log of ${pod} answered ${statusCode}: ${text.slice(0, 200)}`);
  return text;
}
