import { answer, missing, type Expectation, type Question } from '#verdict/expectation.ts';

interface Growth {
  /** Name of the expectation, as twins name it. */
  as?: string;
}

/** Counters of one proxy that end so grew together by exactly this over the probe; with `atLeast`, by no less. */
export function counterGrew(
  workload: string,
  ending: string,
  by: number | { atLeast: number },
  { as = 'counter-grew' }: Growth = {},
): Expectation {
  const [least, most] = typeof by === 'number' ? [by, by] : [by.atLeast, Infinity];
  const expected = `${ending} +${least}${most === Infinity ? ' or more' : ''}`;
  return (probe) => {
    const question: Question = { expectation: as, kind: 'counter', from: workload, expected };
    const silent = probe.silent.find(({ witness }) => witness === `counters of ${workload}`);
    if (silent) return [missing(question, silent.reason)];
    const own = (probe.counters ?? []).filter(
      ({ proxy, stat }) => proxy.workload === workload && stat.endsWith(ending),
    );
    if (own.length === 0) return [missing(question, `no counter ends in ${ending}`)];
    const delta = own.reduce((sum, { before, after }) => sum + after - before, 0);
    return [answer(question, delta >= least && delta <= most, `${ending} +${delta}`)];
  };
}
