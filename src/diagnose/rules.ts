import { deliveriesOf } from '#diagnose/deliveries.ts';
import type { Facts } from '#diagnose/facts.ts';
import type { Generation } from '#diagnose/generations.ts';
import { clock, type Diagnosis } from '#diagnose/story.ts';
import { certificateStatsInclusion } from '#witness/certificates/certificate-stats.ts';

export type Told = Pick<Diagnosis, 'story' | 'fault' | 'sentence' | 'because' | 'expiredAt'>;
/** Tells its story, or leaves it to the next one. */
type Rule = (facts: Facts) => Told | undefined;

/** An agent asks for its certificate within this time of its proxy's start: one that is younger is a renewal. */
const startMs = 30_000;

/** In the order in which they are asked: what is certain by itself comes before what needs a clock. */
export const rules: Rule[] = [
  nothingInForce,
  cannotReload,
  identityMismatch,
  untrusted,
  rejectedUpdate,
  streamLost,
  overdue,
  expiredBefore,
  streamRecovered,
  trustChange,
  rotating,
  undecided,
];

function nothingInForce({ current, signals, now, proxy }: Facts): Told | undefined {
  if (current || (proxy.pinned ?? []).length > 0) return undefined;
  const connected = signals.connected(now);
  const because = proxy.silent.map(({ source, reason }) => `${source}: ${reason}`);
  if (connected === false)
    return told('stream-lost', 'The proxy holds no certificate, and has no stream to its issuer.', because);
  return told('undecided', 'No certificate is in force, or none could be read.', because);
}

function cannotReload({ proxy, current, end }: Facts): Told | undefined {
  const pinned = proxy.pinned ?? [];
  const own = pinned.filter(({ serial }) => serial !== undefined && serial === current?.serial);
  const fed = proxy.dump.some(({ leaf }) => leaf) || proxy.silent.some(({ source }) => source === 'dump');
  const nothingFed = !fed && (current !== undefined || pinned.length > 0);
  if (own.length === 0 && !nothingFed) return undefined;
  const until = end === undefined ? '' : `, which ends at ${clock(end)}`;
  return told('cannot-reload', `No SDS feeds the proxy's certificate${until}: only a restart replaces it.`, [
    ...(nothingFed ? ['the dump holds no secret `default` that SDS delivered'] : []),
    ...own.map(({ context, file }) => `${context} holds it${file === undefined ? '' : ` from ${file}`}`),
  ]);
}

function identityMismatch({ proxy, current, generations }: Facts): Told | undefined {
  const uris = current?.leaf?.uris ?? [];
  if (!current || uris.length === 0) return undefined;
  const { namespace, serviceAccount } = proxy;
  const before = generations.find((each) => each !== current && (each.leaf?.uris.length ?? 0) > 0)?.leaf?.uris ?? [];
  const own =
    serviceAccount === undefined
      ? (uri: string) => uri.includes(`/ns/${namespace}/sa/`) && (before.length === 0 || before.includes(uri))
      : (uri: string) => uri.endsWith(`/ns/${namespace}/sa/${serviceAccount}`);
  if (uris.some(own)) return undefined;
  const due =
    serviceAccount === undefined ? (before[0] ?? `/ns/${namespace}/sa/…`) : `/ns/${namespace}/sa/${serviceAccount}`;
  return told('identity-mismatch', `The certificate in force is made out to ${uris.join(', ')}; due is ${due}.`, [
    `serial ${current.serial} is valid, and in another's name: callers that check it answer 503`,
  ]);
}

function untrusted({ proxy, current }: Facts): Told | undefined {
  const dump = proxy.dump.at(-1);
  if (!current || dump?.untrusted !== true || dump.leaf?.serial !== current.serial) return undefined;
  const roots = proxy.bundle.at(-1)?.roots ?? [];
  return told('trust-change', `No root of the trust bundle signed the certificate in force, ${current.serial}.`, [
    `the bundle holds ${roots.join(', ') || 'no root'}: peers with the same one refuse the certificate`,
  ]);
}

function rejectedUpdate({ proxy, signals, current, generations, now, lagMs, end }: Facts): Told | undefined {
  if (!current) return undefined;
  const counted = Math.max(
    signals.increase('sds.default.update_rejected', current.first, now) ?? 0,
    signals.increase('sds.default.key_rotation_failed', current.first, now) ?? 0,
  );
  const dump = proxy.dump.at(-1);
  const shown = dump?.leaf?.serial;
  const differs = shown !== undefined && generations.every(({ serial }) => serial !== shown);
  const ever = signals.value('sds.default.update_rejected', now) ?? 0;
  const stays = dump !== undefined && now - Date.parse(dump.first) > lagMs && dump.looks > 1;
  const because = [
    ...(counted > 0 ? [`sds.default.update_rejected rose by ${counted} since ${current.serial} is in force`] : []),
    ...(differs ? [`the dump shows ${shown}, which is not in force: a delivery is no renewal`] : []),
    ...(dump?.rejected === undefined ? [] : [`Envoy says: ${dump.rejected}`]),
  ];
  if (counted === 0 && dump?.rejected === undefined && !(differs && (stays || ever > 0))) return undefined;
  const until = end === undefined ? '' : now >= end ? `, and expired at ${clock(end)}` : ` until ${clock(end)}`;
  return told(
    'rejected-update',
    `The issuer's update was rejected: the old certificate ${current.serial} stays${until}.`,
    because,
  );
}

function streamLost({ signals, now, current, end, overdue: late, lagMs }: Facts): Told | undefined {
  if (signals.connected(now) !== false || !current) return undefined;
  const since = signals.outages().at(-1);
  // An issuer that closes each stream after its answer is away at any moment, and delivers all the same.
  if ((signals.increase('sds.default.update_success', (since?.from ?? now) - lagMs, now) ?? 0) > 0) return undefined;
  const when = since && since.to === undefined ? ` since ${clock(since.from)}` : '';
  const began = since?.from ?? now;
  const fails = signals.increase('cluster.sds-grpc.upstream_cx_connect_fail', began, now) ?? 0;
  const closed = signals.increase('sds.default.update_failure', began, now) ?? 0;
  const ends = late && end !== undefined && now >= end ? 'expired' : 'ends';
  const state =
    end === undefined
      ? ''
      : ` The certificate in force ${ends} at ${clock(end)}${late ? '' : ', and is not overdue yet'}.`;
  return told('stream-lost', `The proxy has no stream to its issuer${when}.${state}`, [
    'sds.default.control_plane.connected_state is 0',
    ...(fails > 0 ? [`connections to the socket failed ${fails} times`] : []),
    ...(closed > 0 ? [`the stream failed or was closed from the other end ${closed} times`] : []),
  ]);
}

function overdue(facts: Facts): Told | undefined {
  const { current, end, now, signals, alarm } = facts;
  if (!current || !facts.overdue) return undefined;
  const { again, silent } = deliveriesOf(facts);
  const state =
    end !== undefined && now >= end
      ? `expired at ${clock(end)}`
      : `should have had a successor by ${clock(alarm ?? now)}`;
  if (again.length > 0)
    return told(
      'stale-repush',
      `The issuer is not renewing: it delivers the same certificate again and again. Serial ${current.serial} ${state}.`,
      again,
    );
  // It did renew once, after the end: the pattern of an issuer that is late, and is late again.
  const late = expiredBefore(facts);
  if (late) return late;
  const changed = bundleChanges(facts).filter((at) => at > current.first);
  const last = changed.at(-1);
  if (last !== undefined)
    return told('trust-change', `Only the trust bundle changed, at ${clock(last)}: leaf ${current.serial} ${state}.`, [
      'the issuer is there: it delivered roots, and no leaf',
    ]);
  if (silent === true && signals.connected(now) === true)
    return told(
      'issuer-silent',
      `The issuer is silent: the stream is open, and nothing came. Serial ${current.serial} ${state}.`,
      ['no delivery of `default` since it was taken', 'sds.default.control_plane.connected_state is 1'],
    );
  return told('not-renewed', `Serial ${current.serial} ${state}, and was not renewed.`, [
    silent === true
      ? 'nothing was delivered; whether the stream is open, no counter of this proxy says'
      : `whether the issuer repeats itself, is silent or is gone, nothing at hand says: watch for longer, or have the proxy keep its counters (sidecar.istio.io/statsInclusionRegexps: '${certificateStatsInclusion}')`,
  ]);
}

function expiredBefore({ proxy, generations, signals }: Facts): Told | undefined {
  for (const [index, next] of generations.entries()) {
    const before = generations[index - 1];
    const end = before?.notAfter;
    if (!before || end === undefined || next.first <= end) continue;
    const signed = proxy.issuer.find(({ serial }) => serial === next.serial)?.at;
    const certain = [before.last, Date.parse(next.leaf?.notBefore ?? ''), Date.parse(signed ?? '')].some(
      (at) => at > end,
    );
    if (!certain) continue;
    // Away when a renewal was due, so in the second half of the certificate's time.
    const due = (before.first + end) / 2;
    const away = signals.outages().some(({ from, to }) => from < next.first && (to ?? Infinity) > due);
    const gap = `${before.serial} ended at ${clock(end)}, ${next.serial} came at ${clock(next.first)}`;
    const what = away
      ? told(
          'stream-recovered',
          `The stream to the issuer was away for longer than the certificate lasted: ${gap}.`,
          [],
          true,
        )
      : told('late-renewal', `The issuer renews too late: ${gap}.`, []);
    return { ...what, expiredAt: new Date(end).toISOString() };
  }
  return undefined;
}

function streamRecovered({ signals, generations, current }: Facts): Told | undefined {
  const since = generations[0]?.first ?? Infinity;
  const outages = signals.outages().filter(({ from, to }) => from > since && to !== undefined);
  const last = outages.at(-1);
  if (!last || !current) return undefined;
  const when = `from ${clock(last.from)} to ${clock(last.to ?? last.from)}`;
  const renewed = current.first >= last.from ? 'a new certificate came then' : 'no renewal is overdue';
  return told('stream-recovered', `The stream to the issuer was away ${when} and came back; ${renewed}.`, [
    `interruptions seen: ${outages.length}, none of them longer than the certificate lasted`,
  ]);
}

function trustChange(facts: Facts): Told | undefined {
  const { current, generations } = facts;
  const last = bundleChanges(facts).at(-1);
  if (!current || last === undefined || generations.length > 1) return undefined;
  return told(
    'trust-change',
    `The trust bundle changed at ${clock(last)}, the leaf ${current.serial} did not.`,
    ['a leaf whose root left the bundle is refused by its peers'],
    false,
  );
}

function rotating({ proxy, generations, current, end }: Facts): Told | undefined {
  const started = proxy.startedAt === undefined ? undefined : Date.parse(proxy.startedAt);
  const young = started !== undefined && Date.parse(current?.leaf?.notBefore ?? '') > started + startMs;
  if (!current || (generations.length < 2 && !young)) return undefined;
  const until = end === undefined ? '' : ` until ${clock(end)}`;
  const what =
    generations.length > 1
      ? `Renewed ${generations.length - 1} times before the end`
      : `Renewed since the proxy started at ${clock(started ?? 0)}`;
  return told(
    'rotating',
    `${what}: serial ${current.serial} is in force${until}.`,
    generations.slice(1).map((each: Generation) => `${each.serial} in force from ${clock(each.first)}`),
  );
}

function undecided({ current, alarm, end, signals, from, now }: Facts): Told {
  const until = end === undefined ? 'for an unknown time' : `until ${clock(end)}`;
  const due = alarm === undefined ? '' : `; without a new serial by ${clock(alarm)} it is overdue`;
  const seen = signals.increase('sds.default.update_success', from, now) ?? 0;
  return told(
    'undecided',
    `Serial ${current?.serial ?? '?'} is valid ${until}, and no renewal was seen yet${due}.`,
    seen > 0 ? [`${seen} deliveries came, with no new serial: a sign of an issuer that repeats itself`] : [],
  );
}

/** When the roots in force became others. */
function bundleChanges({ proxy, generations }: Facts): number[] {
  const since = generations[0]?.first ?? 0;
  return proxy.bundle.flatMap(({ roots, first }, index) => {
    const before = proxy.bundle[index - 1];
    const at = Date.parse(first);
    return before && at > since && before.roots.join() !== roots.join() ? [at] : [];
  });
}

const harmless: ReadonlySet<Diagnosis['story']> = new Set(['rotating', 'stream-recovered', 'undecided']);

function told(story: Diagnosis['story'], sentence: string, because: string[], fault = !harmless.has(story)): Told {
  return { story, fault, sentence, because };
}
