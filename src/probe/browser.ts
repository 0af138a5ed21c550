import { z } from 'zod';
import type { PodHttp } from '#lab/forward.ts';
import { NotReadyError } from '#support/errors.ts';
import { clientOutcome, outcomeKinds, type ClientOutcome } from '#support/evidence.ts';
import { timeouts } from '#support/timeouts.ts';
import { cookieEvidence, hopEvidence, type VisitEvidence } from '#support/visit-evidence.ts';
import type { BrowseRequest } from '#fixtures/server/protocol-browse.ts';

const answer = z.object({
  outcome: z.string(),
  status: z.number().optional(),
  body: z.string().optional(),
  error: clientOutcome.shape.error,
  hops: z.array(hopEvidence),
  cookies: z.array(cookieEvidence),
  ownMs: z.number(),
});

/** What a browser did, and how its last request ended, as any other caller's would be told. */
export interface Visited {
  visit: VisitEvidence;
  last: ClientOutcome;
}

/** A browser of this machine, in place of those of fixture pods. It is sent to the same pages, and tells the same. */
export interface Browser {
  /** Every way of failing is an outcome. @throws Error when the browser itself is gone: then nothing is known of the visit */
  visit: (request: BrowseRequest, signal?: AbortSignal) => Promise<Visited>;
  /** What one jar holds is in another from then on, too. @throws NotReadyError when no visit has made the first */
  copyJar: (from: string, to: string) => Promise<void>;
}

/**
 * Has a fixture pod visit a page as a browser does: with cookies, redirects and a login form. Every way of failing is an
 * outcome, not an error.
 *
 * @throws NotReadyError when the pod itself does not answer: then nothing is known of the visit
 */
export async function visitFrom(pod: PodHttp, request: BrowseRequest, signal?: AbortSignal): Promise<Visited> {
  const { status, body } = await pod.request('/browse', {
    method: 'POST',
    body: { ...request },
    timeoutMs: timeouts.visitMs + timeouts.requestMs,
    ...(signal && { signal }),
  });
  if (status !== 200) throw new NotReadyError(`the browser of probe ${request.id} answered ${status}: ${body.trim()}`);
  return visitedBy(request, answer.parse(JSON.parse(body)));
}

/** A browser's answer, as evidence. */
export function visitedBy({ id }: BrowseRequest, told: z.infer<typeof answer>): Visited {
  const { outcome, hops, cookies, ownMs, ...last } = told;
  const known = outcomeKinds.find((each) => each === outcome) ?? 'response';
  const total = hops.reduce((sum, { durationMs = 0 }) => sum + durationMs, 0);
  const final = hops.at(-1);
  return {
    visit: { hops, cookies, ended: outcome, ownMs },
    last: clientOutcome.parse({
      id: final?.id ?? id,
      outcome: known,
      ...last,
      ...(final?.location !== undefined && { headers: { location: final.location } }),
      timingsMs: { total },
    }),
  };
}
