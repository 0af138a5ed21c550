import type { CallRequest } from '#fixtures/server/protocol.ts';
import type { PodHttp } from '#lab/forward.ts';
import { clientOutcome, type ClientOutcome } from '#support/evidence.ts';
import { NotReadyError } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';

/** Port of a fixture pod's admin listener, which the mesh does not capture. */
export const adminPort = 9100;
/** Port of a sidecar's own admin listener. */
export const sidecarAdminPort = 15_000;

/**
 * Has a fixture pod make one call, and tells how it ended: every way of failing is an outcome, not an error.
 *
 * @param pod the caller's admin port
 * @throws NotReadyError when the caller itself does not answer: then nothing is known of the call
 */
export async function callFrom(pod: PodHttp, request: CallRequest, signal?: AbortSignal): Promise<ClientOutcome> {
  const deadline = request.timeoutMs ?? timeouts.probeMs;
  const { status, body } = await pod.request('/call', {
    method: 'POST',
    body: { timeoutMs: deadline, ...request },
    timeoutMs: deadline + timeouts.requestMs,
    ...(signal && { signal }),
  });
  if (status !== 200) throw new NotReadyError(`the caller of probe ${request.id} answered ${status}: ${body.trim()}`);
  return clientOutcome.parse(JSON.parse(body));
}

/**
 * Has a fixture pod make many calls, some of them side by side.
 *
 * @throws NotReadyError when the caller itself does not answer
 */
export async function volleyFrom(
  pod: PodHttp,
  calls: readonly CallRequest[],
  { concurrency, signal }: { concurrency: number; signal?: AbortSignal },
): Promise<ClientOutcome[]> {
  const { outcomes } = await pod.json<{ outcomes: unknown[] }>('/calls', {
    method: 'POST',
    body: { calls, concurrency },
    timeoutMs: timeouts.probeMs + timeouts.requestMs,
    ...(signal && { signal }),
  });
  return outcomes.map((each) => clientOutcome.parse(each));
}
