import type { FactExpectation } from '#verdict/expectation.ts';
import { proxyOf, secondsInto } from '../sock-shop.ts';
import { ask, by } from './ask.ts';
import { restartOf } from './calls.ts';

/** How often the issuer signed for a workload over the course, the pair of the start included. */
export function issuedBetween(workload: string, least: number, most = Infinity): FactExpectation {
  const expected = most === Infinity ? `${least} certificates or more` : `${least} to ${most} certificates`;
  return ask({ ...by('issuer', workload), expectation: 'issued', expected }, (course) => {
    const issued = proxyOf(course, workload)?.issuer ?? [];
    if (issued.length === 0) return { silent: `the issuer tells nothing of ${workload}` };
    const first = issued.findLast(({ at }) => Date.parse(at) <= Date.parse(course.start));
    const own = issued.filter(({ at }) => Date.parse(at) >= Date.parse(first?.at ?? course.start));
    return { met: own.length >= least && own.length <= most, seen: `${own.length} certificates` };
  });
}

/** The issuer was told so of what it pushed: `rejected`. */
export function issuerTold(workload: string, what: string): FactExpectation {
  const question = {
    kind: 'source-log',
    from: 'issuer',
    expectation: 'issuer-told',
    expected: `${what} by ${workload}`,
  } as const;
  return ask(question, (course) => {
    if (!proxyOf(course, workload)?.issuer.length) return { silent: `the issuer tells nothing of ${workload}` };
    const told = course.events.find((each) => each.workload === workload && each.what === what);
    return { met: told !== undefined, seen: told ? `${what}: ${told.detail}` : `nothing of the kind` };
  });
}

/** A counter or gauge of the proxy rose over the course, summed over all whose names end so. */
export function rose(workload: string, ending: string, least: number, expectation = 'counter-rose'): FactExpectation {
  const question = { expectation, kind: 'counter', from: workload, expected: `${ending} +${least} or more` } as const;
  return ask(question, (course) => {
    const own = proxyOf(course, workload)?.counters.filter(({ stat }) => stat.endsWith(ending)) ?? [];
    if (own.length === 0) return { silent: `no counter of ${workload} ends in ${ending}` };
    const risen = own.reduce((sum, { points }) => sum + (points.at(-1)?.[1] ?? 0) - (points[0]?.[1] ?? 0), 0);
    return { met: risen >= least, seen: `${ending} +${risen}` };
  });
}

/** By the proxy's own counter, the connection to its issuer is open at the end. */
export function streamUp(workload: string): FactExpectation {
  const stat = 'cluster.sds-grpc.upstream_rq_active';
  const question = { expectation: 'stream-up', kind: 'counter', from: workload, expected: `${stat} over 0` } as const;
  return ask(question, (course) => {
    const last = proxyOf(course, workload)
      ?.counters.find((each) => each.stat === stat)
      ?.points.at(-1)?.[1];
    return last === undefined ? { silent: `${workload} has no ${stat}` } : { met: last > 0, seen: `${stat} ${last}` };
  });
}

/** After the issuer came back, at a time in lifetimes, the proxy opened a stream again and was served a new certificate. */
export function reconnected(workload: string, since: number): FactExpectation {
  const question = { expectation: 'reconnected', kind: 'source-log', from: 'issuer' } as const;
  return ask({ ...question, expected: `a stream of ${workload}, and then a serial that is new` }, (course) => {
    const proxy = proxyOf(course, workload);
    if (!proxy?.handshake.length) return { silent: `no handshake with ${workload}` };
    const back = Date.parse(course.start) + since * course.lifetimeSeconds * 1000;
    const opened = proxy.streams.find(({ openedAt }) => Date.parse(openedAt) >= back - 1_000);
    const [before, after] = [
      proxy.handshake.filter(({ first }) => Date.parse(first) < back).at(-1),
      proxy.handshake.at(-1),
    ];
    const renewed = before?.leaf?.serial !== after?.leaf?.serial;
    const stream = opened ? `stream at ${secondsInto(course, opened.openedAt)} s` : 'no stream';
    return { met: opened !== undefined && renewed, seen: `${stream}, ${renewed ? 'a new serial' : 'the old serial'}` };
  });
}

/** Streams for `default` and `ROOTCA` that were opened once and stand. */
export function standingStreams(workload: string): FactExpectation {
  const question = { kind: 'source-log', from: 'issuer', expectation: 'standing-streams' } as const;
  return ask(
    { ...question, expected: `standing streams of ${workload} for default and ROOTCA, one each` },
    (course) => {
      const streams = proxyOf(course, workload)?.streams ?? [];
      if (streams.length === 0) return { silent: `the issuer tells of no stream of ${workload}` };
      const standing = streams.filter(({ closedAt }) => closedAt === undefined);
      const ended = streams.filter(
        ({ closedAt }) => closedAt !== undefined && Date.parse(closedAt) >= Date.parse(course.start),
      );
      const asked = new Set(standing.flatMap(({ requested }) => requested));
      const met = asked.has('default') && asked.has('ROOTCA') && standing.length <= 2 && ended.length === 0;
      return {
        met,
        seen: `${standing.length} standing for ${[...asked].join(', ')}; ${ended.length} ended in the course`,
      };
    },
  );
}

/** Every standing stream has acknowledged a version of what it asked for, and was sent more than one. */
export function acknowledgesLast(workload: string): FactExpectation {
  const question = { kind: 'source-log', from: 'issuer, acknowledgements', expectation: 'acknowledges' } as const;
  return ask({ ...question, expected: `a version acknowledged for each secret of ${workload}` }, (course) => {
    const standing = (proxyOf(course, workload)?.streams ?? []).filter(({ closedAt }) => closedAt === undefined);
    if (standing.length === 0) return { silent: `the issuer tells of no standing stream of ${workload}` };
    const met = standing.every(({ requested, acknowledged }) =>
      requested.every((name) => acknowledged[name] !== undefined),
    );
    const seen = standing.map(
      ({ acknowledged, replies }) => `${Object.keys(acknowledged).join('+')} of ${replies} replies`,
    );
    return { met, seen: seen.join('; ') };
  });
}

/** The certificate that a restart brought is valid for one lifetime and the backdating before it: the window of the incident. */
export function windowShape(workload: string): FactExpectation {
  const question = { ...by('handshake', workload), expectation: 'window-shape' };
  return ask({ ...question, expected: 'one lifetime and a minute of backdating' }, (course) => {
    const restart = restartOf(course, workload);
    const served = proxyOf(course, workload)?.handshake.filter(
      ({ leaf, first }) => leaf && Date.parse(first) > (restart ?? 0),
    );
    const leaf = served?.at(-1)?.leaf;
    if (restart === undefined || !leaf) return { silent: `${workload} was not restarted, or no handshake followed` };
    const seconds = (Date.parse(leaf.notAfter) - Date.parse(leaf.notBefore)) / 1000;
    return { met: Math.abs(seconds - course.lifetimeSeconds - 60) <= 2, seen: `${seconds} s` };
  });
}

/** Handshakes of the proxy over the course, as it counts them. */
export function handshakesCounted(workload: string): FactExpectation {
  const question = {
    kind: 'counter',
    from: workload,
    expectation: 'handshakes',
    expected: 'one handshake or more',
  } as const;
  return ask(question, (course) => {
    const own = (proxyOf(course, workload)?.counters ?? []).filter(({ stat }) => stat.endsWith('ssl.handshake'));
    const made = own.reduce((sum, { points }) => sum + (points.at(-1)?.[1] ?? 0) - (points[0]?.[1] ?? 0), 0);
    return own.length === 0
      ? { silent: `${workload} counts no handshake` }
      : { met: made > 0, seen: `${made} handshakes` };
  });
}
