import { HttpMethod, RequestContext } from '@kubernetes/client-node';
import { request, type Dispatcher } from 'undici';
import type { Cluster } from '#lab/cluster.ts';
import { NotReadyError } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';

/** One container whose log is read. */
export interface LoggedContainer {
  namespace: string;
  pod: string;
  container: string;
}

/**
 * Opens a container's log through the API server.
 *
 * @param query as the API server takes it: `tailLines`, `sinceTime`, `follow`
 * @param options `bodyTimeout` in milliseconds between two pieces of it, 0 for no end
 * @throws NotReadyError with the API server's words when it does not hand the log out
 */
export async function openLog(
  { config }: Cluster,
  { namespace, pod, container }: LoggedContainer,
  query: Record<string, string>,
  { signal, bodyTimeout = timeouts.requestMs }: { signal: AbortSignal; bodyTimeout?: number },
): Promise<Dispatcher.ResponseData['body']> {
  const search = new URLSearchParams({ container, ...query }).toString();
  const url = `${config.getCurrentCluster()?.server}/api/v1/namespaces/${namespace}/pods/${pod}/log?${search}`;
  const security = new RequestContext(url, HttpMethod.GET);
  await config.applySecurityAuthentication(security);
  const { body, statusCode } = await request(url, {
    headers: security.getHeaders(),
    dispatcher: security.getDispatcher() as Dispatcher,
    signal,
    headersTimeout: timeouts.requestMs,
    bodyTimeout,
  });
  if (statusCode === 200) return body;
  throw new LogRefused(pod, statusCode, (await body.text()).slice(0, 200));
}

/** The API server does not hand a log out; `status` is why: 403, 404. */
export class LogRefused extends NotReadyError {
  readonly status: number;
  constructor(pod: string, status: number, text: string) {
    super(`the log of ${pod} answered ${status}: ${text}`);
    this.status = status;
  }
}
