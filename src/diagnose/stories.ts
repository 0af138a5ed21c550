import type { Course, ProxyCourse } from '#support/certificates.ts';
import { compare } from '#diagnose/compare.ts';
import { factsOf, type DiagnoseOptions, type Facts } from '#diagnose/facts.ts';
import { rules, type Told } from '#diagnose/rules.ts';
import { clock, type Diagnosis } from '#diagnose/story.ts';

/**
 * Says which story a proxy's recording tells. It works with or without the issuer's log, from one look or many;
 * where what is there does not tell two stories apart, it says so.
 */
export function diagnose(proxy: ProxyCourse, options: DiagnoseOptions = {}): Diagnosis {
  const facts = factsOf(proxy, options);
  if (!facts)
    return {
      story: 'undecided',
      fault: false,
      sentence: 'No source said anything of this proxy.',
      alarms: [],
      comparison: compare(proxy, undefined),
      because: proxy.silent.map(({ source, reason }) => `${source}: ${reason}`),
    };
  const { current, alarm, end, now } = facts;
  const told = tell(facts, proxy, options);
  return {
    ...told,
    because: [...told.because, ...asides(facts)],
    ...(current && { serial: current.serial }),
    ...(current?.leaf && { window: { notBefore: current.leaf.notBefore, notAfter: current.leaf.notAfter } }),
    ...(alarm !== undefined && { alarmAt: iso(alarm) }),
    ...(told.expiredAt === undefined && end !== undefined && now >= end && { expiredAt: iso(end) }),
    alarms: alarmsOf(facts),
    comparison: compare(facts.proxy, current?.serial),
  };
}

/** The same for every proxy of a course, by workload. */
export function diagnoseCourse({ proxies, lifetimeSeconds, start, events }: Course): Record<string, Diagnosis> {
  return Object.fromEntries(
    proxies.map((proxy) => {
      const restarts = events.filter(({ workload, what }) => workload === proxy.workload && what === 'restart');
      return [proxy.workload, diagnose(proxy, { lifetimeSeconds, start, restarts: restarts.map(({ at }) => at) })];
    }),
  );
}

type Verdict = Told & Pick<Diagnosis, 'expiredAt' | 'masked'>;

function tell(facts: Facts, proxy: ProxyCourse, options: DiagnoseOptions): Verdict {
  for (const rule of rules) {
    const told = rule(facts);
    if (!told) continue;
    const { restart } = facts;
    if (told.story !== 'undecided' || !restart) return told;
    // A restart gives a new certificate whatever the issuer does: what was wrong before it is not cured.
    const before = diagnose(proxy, { ...options, now: iso(restart.before) });
    if (!before.fault) return told;
    return {
      story: before.story,
      fault: true,
      masked: true,
      sentence: `Masked by the restart at ${clock(restart.at)}, not cured. Before it: ${before.sentence}`,
      because: before.because,
    };
  }
  throw new Error('the last rule of all tells something');
}

/** Certificates that were still in force when their successor was overdue. */
function alarmsOf({ generations, alarmOf, now }: Facts): Diagnosis['alarms'] {
  return generations.flatMap((each, index) => {
    const at = alarmOf(each);
    const next = generations[index + 1];
    const rang = at !== undefined && (next ? each.last >= at && next.first > at : now >= at);
    return rang ? [{ at: iso(at), serial: each.serial, endsAt: iso(each.notAfter ?? at) }] : [];
  });
}

/** Two secrets have a stream each: so many are opened anew in a handful of interruptions. */
const mostStreams = 20;

/** What is worth knowing whatever the story is. */
function asides({ proxy, signals, current, generations, from, now }: Facts): string[] {
  const streams = signals.increase('cluster.sds-grpc.upstream_rq_total', from, now) ?? 0;
  const stragglers = Object.keys(proxy.certs.at(-1)?.entries ?? {}).filter((serial) =>
    generations.some((each) => each !== current && each.serial === serial),
  );
  const signed = proxy.issuer.at(-1);
  const bundles = proxy.bundle.filter(
    (each, index) => index > 0 && each.roots.join() !== proxy.bundle[index - 1]?.roots.join(),
  );
  return [
    ...(proxy.pinned ?? []).map(
      ({ context, file }) => `${context} cannot reload${file === undefined ? '' : ` (${file})`}`,
    ),
    ...stragglers.map((serial) => `/certs still holds ${serial}, which was replaced`),
    ...(streams > mostStreams
      ? [`${streams} streams were opened: the issuer closes them, the proxy can only poll`]
      : []),
    ...bundles.map(({ first, roots }) => `the trust bundle became ${roots.join(', ')} at ${clock(Date.parse(first))}`),
    ...(signed && current && signed.serial !== current.serial
      ? [`the issuer signed ${signed.serial} at ${clock(Date.parse(signed.at))}, which is not in force`]
      : []),
  ];
}

const iso = (at: number): string => new Date(at).toISOString();
