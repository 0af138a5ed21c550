// Proves that Prometheus keeps its target across the flip to STRICT, with an exception for the one port that it scrapes.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { noFilterChain } from '#verdict/expectations/proxy-log.ts';
import type { Stage } from '#verdict/stage.ts';
import type { PodHttp } from '#lab/forward.ts';
import type { AccessLogEntry } from '#support/evidence.ts';
import { timeouts } from '#support/timeouts.ts';
import { lastErrors } from '#witness/prometheus.ts';
import { clockOf, prometheusOf, scrapesSince } from './scrapes.ts';

const gateway = 'envoy-gateway';
const job = 'envoy-gateway-admin';
const adminPort = ':9901';
/** Connections that no filter chain of the inbound listener took. */
const refusals = '_15006.no_filter_chain_match';
/** One scrape may have been under way when the rules changed: three tell. */
const scrapes = 3;

export default check({
  id: 'GS-17',
  title: 'Scrape continuity across the flip',
  level: 'core',
  system: 'gateway-switch',
  tags: ['mtls', 'observability', 'prometheus'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', gateway, 'prometheus'],
  story: {
    setUp:
      'Prometheus without a sidecar scrapes the admin port of the gateway every second, by the job that a ServiceMonitor for envoy-gateway-admin becomes. Then the namespace becomes STRICT, with a port-level exception for 9901.',
    sends: `Nothing but the scrapes: ${scrapes} before the flip, ${scrapes} after it, ${scrapes} after the way back.`,
    expects:
      'up is 1 in each of them. The sidecar of the gateway served every scrape, and its counter of refused connections stands still.',
    why: 'The panels go dark at the moment when they are needed, and the missing metrics look like a gateway that is down.',
  },
  async collect(stage) {
    const { signal } = stage;
    const prometheus = await prometheusOf(stage);
    const start = await clockOf(prometheus, signal);
    stage.record('before', await scraped(stage, prometheus, start));
    await stage.apply('strict');
    const flipped = await clockOf(prometheus, signal);
    await stage.counting('refused', { [gateway]: [refusals] }, async () =>
      stage.record('after', await scraped(stage, prometheus, flipped)),
    );
    await stage.freeze();
    await stage.remove('strict');
    stage.record('back', await scraped(stage, prometheus, await clockOf(prometheus, signal)));
  },
  judge: ({ fact }) => [
    fact('before', isUp('up-before')),
    fact('after', isUp('up-after')),
    fact('after', everyScrapeServed),
    fact('refused', nobodyRefused),
    fact('back', isUp('up-back')),
  ],
  twins: [
    {
      name: 'no-exception',
      sabotage: 'The namespace becomes STRICT, and nobody thought of Prometheus.',
      breaks: 'up-after',
    },
  ],
});

const scrapeFacts = z.object({
  /** The values of `up`, one a scrape. */
  up: z.array(z.number()),
  /** What Prometheus says of the last scrape; empty where it worked. */
  lastError: z.string(),
  address: z.string(),
  /** What the gateway's sidecar logged of connections of that address to the admin port, meanwhile. */
  served: z.number(),
  refused: z.number(),
});
type ScrapeFacts = z.infer<typeof scrapeFacts>;

/** Waits for scrapes that began after this moment, and asks both ends about them. */
async function scraped(stage: Stage, prometheus: PodHttp, since: number): Promise<ScrapeFacts> {
  const { scene, names, signal } = stage;
  const selector = `up{job="${job}",namespace="${names['namespace']}"}`;
  const samples = await scrapesSince(stage, prometheus, selector, { since, count: scrapes });
  const [lastError = 'no such target'] = await lastErrors(prometheus, job, signal);
  const address = stage.address('prometheus');
  const ofPrometheus = ({ startTime, downstreamLocalAddress = '', downstreamRemoteAddress = '' }: AccessLogEntry) =>
    Date.parse(startTime) > since * 1_000 &&
    downstreamLocalAddress.endsWith(adminPort) &&
    downstreamRemoteAddress.startsWith(`${address}:`);
  // An older proxy writes its log once a second.
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeouts.accessLogMs)]);
  const lines = (await scene.followers.get(gateway)?.expect(ofPrometheus, samples.length, deadline)) ?? [];
  const refused = lines.filter(noFilterChain).length;
  const up = samples.map(({ value }) => value);
  return { up, lastError, address, served: lines.length - refused, refused };
}

const isUp = (expectation: string) =>
  factIs({
    expectation,
    kind: 'counter',
    from: 'Prometheus',
    expected: `up 1 in ${scrapes} scrapes`,
    shape: scrapeFacts,
    met: ({ up }) => up.length >= scrapes && up.every((each) => each === 1),
    seen: upText,
  });

/** `up` by itself only says that the scrape failed; that it was STRICT, the sidecar says. */
function upText({ up, lastError, address, refused }: ScrapeFacts): string {
  const values = `up ${up.join(', ')}`;
  if (lastError === '' && refused === 0) return values;
  const strict = `STRICT: ${gateway} refused plaintext from ${address}, the address of Prometheus, with filter_chain_not_found`;
  return [values, lastError.replace(/^Get "[^"]*": /, ''), ...(refused > 0 ? [`${strict} ${refused} times`] : [])]
    .filter((each) => each !== '')
    .join('; ');
}

const everyScrapeServed = factIs({
  expectation: 'every-scrape-served',
  kind: 'destination-log',
  from: gateway,
  expected: 'a line for each scrape, and none with filter_chain_not_found',
  shape: scrapeFacts,
  met: ({ up, served, refused }) => served >= up.length && refused === 0,
  seen: ({ address, served, refused }) => `${served} served and ${refused} refused from ${address}`,
});

const nobodyRefused = factIs({
  expectation: 'nobody-refused',
  kind: 'counter',
  from: gateway,
  expected: 'no_filter_chain_match +0',
  shape: z.record(z.string(), z.record(z.string(), z.number())),
  met: (moved) => sumOf(moved) === 0 && Object.keys(moved).length > 0,
  seen: (moved) => `no_filter_chain_match +${sumOf(moved)}`,
});

const sumOf = (moved: Record<string, Record<string, number>>): number =>
  Object.values(moved)
    .flatMap((each) => Object.values(each))
    .reduce((sum, each) => sum + each, 0);
