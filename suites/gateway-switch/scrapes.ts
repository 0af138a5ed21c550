import type { Stage } from '#verdict/stage.ts';
import type { PodHttp } from '#lab/forward.ts';
import { timeouts } from '#support/timeouts.ts';
import { until, type Look } from '#support/wait.ts';
import { evaluate, type Sample } from '#witness/prometheus.ts';

/** The workload of the scene that is Prometheus, and its port. */
export const prometheusOf = (stage: Stage): Promise<PodHttp> => stage.scene.admin('prometheus', 9090);

/** Prometheus's own clock, in seconds since 1970: what it scraped is told by that one. */
export async function clockOf(prometheus: PodHttp, signal: AbortSignal): Promise<number> {
  const [now] = await evaluate(prometheus, 'time()', { signal });
  return now?.samples[0]?.value ?? 0;
}

/**
 * Waits until so many samples of one series are younger than a moment, and gives those.
 *
 * @param selector of a single series: `up{job="envoy-gateway-admin"}`
 * @param since seconds on Prometheus's clock
 */
export async function scrapesSince(
  { signal }: Stage,
  prometheus: PodHttp,
  selector: string,
  { since, count }: { since: number; count: number },
): Promise<Sample[]> {
  const look = async (): Promise<Look<Sample[]>> => {
    const [series] = await evaluate(prometheus, `${selector}[1m]`, { signal });
    const young = (series?.samples ?? []).filter(({ time }) => time > since);
    return young.length >= count ? { done: young } : { seen: `${young.length} of ${count} scrapes` };
  };
  return until(`scrapes of ${selector}`, look, { timeoutMs: timeouts.scrapesMs, signal });
}
