import { z } from 'zod';
import type { PodHttp } from '#lab/forward.ts';

/** One value of a series, at Prometheus's own time in seconds since 1970. */
export interface Sample {
  time: number;
  value: number;
}

export interface Series {
  labels: Record<string, string>;
  /** In order of time; an instant query gives one. */
  samples: Sample[];
}

const sample = z
  .tuple([z.number(), z.string()])
  .transform(([time, text]): Sample => ({ time, value: text === '+Inf' ? Infinity : Number(text) }));
const labels = z.record(z.string(), z.string());
const answer = z.object({
  data: z.discriminatedUnion('resultType', [
    z.object({ resultType: z.literal('vector'), result: z.array(z.object({ metric: labels, value: sample })) }),
    z.object({
      resultType: z.literal('matrix'),
      result: z.array(z.object({ metric: labels, values: z.array(sample) })),
    }),
    z.object({ resultType: z.literal('scalar'), result: sample }),
  ]),
});

/**
 * Evaluates a PromQL expression at one moment: an instant vector, a range selector (`up[30s]` gives the raw samples), or a
 * scalar, which comes without labels.
 *
 * @param time seconds since 1970; without it, Prometheus's own now
 * @throws NotReadyError with Prometheus's complaint about the expression
 */
export async function evaluate(
  prometheus: PodHttp,
  query: string,
  { time, signal }: { time?: number; signal?: AbortSignal } = {},
): Promise<Series[]> {
  const search = new URLSearchParams({ query, ...(time !== undefined && { time: time.toFixed(3) }) });
  const page = await prometheus.json(`/api/v1/query?${search.toString()}`, signal ? { signal } : {});
  const { data } = answer.parse(page);
  if (data.resultType === 'scalar') return [{ labels: {}, samples: [data.result] }];
  if (data.resultType === 'vector')
    return data.result.map(({ metric, value }) => ({ labels: metric, samples: [value] }));
  return data.result.map(({ metric, values }) => ({ labels: metric, samples: values }));
}

const targets = z.object({
  data: z.object({ activeTargets: z.array(z.object({ labels, lastError: z.string() })) }),
});

/** Why the last scrape of each target of a job failed, in Prometheus's words; empty where it did not. */
export async function lastErrors(prometheus: PodHttp, job: string, signal?: AbortSignal): Promise<string[]> {
  const page = await prometheus.json('/api/v1/targets?state=active', signal ? { signal } : {});
  const { data } = targets.parse(page);
  return data.activeTargets.filter((each) => each.labels['job'] === job).map(({ lastError }) => lastError);
}
