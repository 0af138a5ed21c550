import type { LoadEvidence, LoadResult } from '#support/load-evidence.ts';
import { answer, missing, type LoadExpectation, type Question } from '#verdict/expectation.ts';
import type { Finding } from '#verdict/result.ts';

/** Every request got the answer that was planned. */
export const zeroFailures: LoadExpectation = (load) =>
  ofClient(load, 'zero-failures', 'no failed request', ({ failed }) => failed === 0);

/** As {@link zeroFailures}, but for the warm-up: what a proxy still had open when its configuration changed ends in it. */
export function zeroFailuresAfter(warmUpMs: number): LoadExpectation {
  const met = ({ failures }: LoadResult) => failures.every(({ second }) => second * 1000 < warmUpMs);
  return (load) => ofClient(load, 'zero-failures', `no failed request after ${warmUpMs} ms`, met);
}

/**
 * No more than this share of the requests failed.
 *
 * @param share of all that were sent: 0.01 is 1 %
 */
export function failedWithin(share: number): LoadExpectation {
  const expected = `at most ${percent(share)} failed`;
  return (load) => ofClient(load, 'failed-within-budget', expected, ({ failed, sent }) => failed <= sent * share);
}

/**
 * Requests came at the planned rate and were answered: at least this share of what was due. When fewer than that were sent,
 * the sender was late, which says nothing of the mesh.
 */
export function rateReached(share = 0.99): LoadExpectation {
  return (load) => {
    const due = load.client ? load.client.rate * (load.client.durationMs / 1000) : 0;
    const expected = `at least ${percent(share)} of ${Math.round(due)} requests`;
    if (load.client && load.client.dropped === 0 && load.client.sent < due * share) {
      const late = `invalid run: ${load.client.sent} of ${Math.round(due)} requests were sent in time`;
      return [missing(asked(load, 'rate-reached', expected), late)];
    }
    const reached = ({ sent, interrupted }: LoadResult) => sent - interrupted >= due * share;
    return ofClient(load, 'rate-reached', expected, reached, pace);
  };
}

/**
 * A percentile of the latency of good answers stays within this.
 *
 * @param limitMs for one or more of `p50`, `p95`, `p99`, `max`, in milliseconds
 */
export function latencyWithin(limitMs: Partial<NonNullable<LoadResult['latencyMs']>>): LoadExpectation {
  const limits = Object.entries(limitMs);
  const expected = limits.map(([name, ms]) => `${name} at most ${ms} ms`).join(', ');
  return (load) => {
    const question = asked(load, 'latency-within-budget', expected);
    const latency = load.client?.latencyMs;
    if (load.client && !latency) return [missing(question, 'no good answer whose latency counts')];
    const within = () => limits.every(([name, ms]) => (latency?.[name as keyof typeof latency] ?? Infinity) <= ms);
    return ofClient(load, question.expectation, expected, within, pace);
  };
}

/** Every threshold of the script's own options held. */
export const thresholdsHeld: LoadExpectation = (load) =>
  ofClient(
    load,
    'thresholds-held',
    'every threshold of the script',
    ({ thresholds }) => Object.values(thresholds).every(Boolean),
    ({ thresholds }) =>
      Object.entries(thresholds)
        .map(([name, held]) => `${name}: ${held ? 'held' : 'crossed'}`)
        .join(', '),
  );

/**
 * The account of the backends adds up with that of the sender: each request that was answered came in exactly once, and none
 * came that was not sent.
 *
 * @param workloads whose backends keep account of this stream, together
 */
export function ledgerComplete(...workloads: string[]): LoadExpectation {
  return (load) => {
    const from = workloads.join(', ');
    const question: Question = {
      expectation: 'ledger-complete',
      kind: 'receipt',
      from,
      expected: 'each answered request received exactly once',
    };
    const { client } = load;
    if (!client) return [missing(question, why(load, `load ${load.name}`) ?? 'the sender said nothing')];
    const silent = workloads.find((each) => load.ledgers[each] === undefined);
    if (silent !== undefined) return [missing(question, why(load, `ledger of ${silent}`) ?? 'it kept no account')];
    const pages = workloads.flatMap((each) => load.ledgers[each] ?? []);
    const sum = (of: (page: (typeof pages)[number]) => number) => pages.reduce((all, page) => all + of(page), 0);
    const [received, repeated] = [sum((page) => page.received), sum((page) => page.repeated)];
    const answered = client.sent - client.failed - client.interrupted;
    const seen = `${client.sent} sent, ${answered} answered, ${received} received, ${repeated} more than once`;
    const met = repeated === 0 && received >= answered && received <= client.sent;
    return invalid(question, client) ?? [answer(question, met, seen)];
  };
}

/**
 * The backends saw the calls come under at least this many certificates of the caller's proxy, one after another.
 *
 * @param generations 4 for three renewals
 */
export function certificatesSeen(workload: string, generations: number): LoadExpectation {
  return (load) => {
    const question: Question = {
      expectation: 'certificates-seen',
      kind: 'receipt',
      from: workload,
      expected: `${generations} client certificates or more`,
    };
    const ledger = load.ledgers[workload];
    if (!ledger) return [missing(question, why(load, `ledger of ${workload}`) ?? 'it kept no account')];
    const seen = Object.entries(ledger.certificates).filter(([hash]) => hash !== 'none' && hash !== 'other');
    const text = seen.map(([hash, { requests }]) => `${hash.slice(0, 8)}: ${requests} requests`).join(', ');
    return [answer(question, seen.length >= generations, text || 'no client certificate')];
  };
}

/** The backend got requests of this stream from each of these callers, by SPIFFE ID, and from nobody else. */
export function cameFrom(workload: string, ...callers: string[]): LoadExpectation {
  return (load) => {
    const expected = `requests from ${callers.join(' and from ')}`;
    const question: Question = { expectation: 'came-from', kind: 'receipt', from: workload, expected };
    const ledger = load.ledgers[workload];
    if (!ledger) return [missing(question, why(load, `ledger of ${workload}`) ?? 'it kept no account')];
    const seen = Object.entries(ledger.callers);
    const met = callers.every((each) => ledger.callers[each]) && seen.every(([caller]) => callers.includes(caller));
    return [answer(question, met, seen.map(([caller, times]) => `${times} from ${caller}`).join(', ') || 'no request')];
  };
}

function ofClient(
  load: LoadEvidence,
  expectation: string,
  expected: string,
  met: (result: LoadResult) => boolean,
  seen: (result: LoadResult) => string = summary,
): Finding[] {
  const question = asked(load, expectation, expected);
  const { client } = load;
  if (!client) return [missing(question, why(load, `load ${load.name}`) ?? 'it said nothing')];
  return invalid(question, client) ?? [answer(question, met(client), seen(client))];
}

const asked = ({ name }: LoadEvidence, expectation: string, expected: string): Question => ({
  expectation,
  kind: 'client',
  from: `load ${name}`,
  expected,
});

const why = ({ silent }: LoadEvidence, witness: string): string | undefined =>
  silent.find((each) => each.witness === witness)?.reason;

/** A run in which requests were not sent on time, or none at all, proves nothing for or against the mesh. */
function invalid(question: Question, { dropped, sent, thresholds }: LoadResult): Finding[] | undefined {
  if (dropped > 0) return [missing(question, `invalid run: ${dropped} requests were due and not sent`)];
  if (sent === 0) return [missing(question, 'invalid run: nothing was sent')];
  if (Object.keys(thresholds).length === 0)
    return [missing(question, 'invalid run: its thresholds were not evaluated')];
  return undefined;
}

function summary({ sent, failed, answered, interrupted }: LoadResult): string {
  const bad = Object.entries(answered)
    .filter(([status]) => status !== '200')
    .map(([status, times]) => `${times} × ${status === '0' ? 'no answer' : status}`)
    .join(', ');
  const stopped = interrupted > 0 ? `, ${interrupted} on their way when it was stopped` : '';
  return `${failed} of ${sent} failed${bad ? ` (${bad})` : ''}${stopped}`;
}

/** Requests per second, and how late the answers were. */
function pace({ sent, durationMs, latencyMs: latency }: LoadResult): string {
  const rate = `${((sent * 1000) / durationMs).toFixed(1)} requests/s`;
  if (!latency) return rate;
  const times = Object.entries(latency).map(([name, ms]) => `${name} ${ms.toFixed(1)}`);
  return `${rate}, ${times.join(', ')} ms`;
}

const percent = (share: number): string => `${Number((share * 100).toFixed(3))} %`;
