import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diagnose, diagnoseCourse } from '#diagnose/stories.ts';
import { stories, type Story } from '#diagnose/story.ts';
import {
  times,
  lifetimeSeconds,
  simulate,
  start,
  time,
  uri,
  type Event,
  type Simulation,
} from '#diagnose/testing/simulate.ts';

const options = { lifetimeSeconds, start: new Date(start).toISOString() };
const told = (simulation: Simulation, more: object = {}) => diagnose(simulate(simulation), { ...options, ...more });
const healthy = times([0.45, 0.9, 1.35, 1.8, 2.25], 'renew');

/** One course a story, as the issuer's modes make them, and what it must not be taken for. */
const courses: Record<string, { story: Story; not: Story[]; fault: boolean; events: Event[] }> = {
  healthy: { story: 'rotating', not: ['late-renewal', 'undecided'], fault: false, events: healthy },
  'the same pair, on time': {
    story: 'stale-repush',
    not: ['issuer-silent', 'rotating'],
    fault: true,
    events: times([0.45, 0.9, 1.35, 1.8, 2.25], 'repush'),
  },
  'nothing any more': { story: 'issuer-silent', not: ['stale-repush', 'stream-lost'], fault: true, events: [] },
  'stream away': {
    story: 'stream-lost',
    not: ['issuer-silent', 'stream-recovered'],
    fault: true,
    events: [{ at: 0.3, does: 'lose' }],
  },
  'stream away over one renewal': {
    story: 'stream-recovered',
    not: ['stream-lost', 'rotating', 'late-renewal', 'stale-repush'],
    fault: false,
    events: [{ at: 0.3, does: 'lose' }, { at: 0.75, does: 'regain' }, ...times([0.76, 1.2, 1.65, 2.1, 2.55], 'renew')],
  },
  'stream away for longer than the certificate lasts': {
    story: 'stream-recovered',
    not: ['late-renewal', 'stream-lost'],
    fault: true,
    events: [{ at: 0.3, does: 'lose' }, { at: 1.5, does: 'regain' }, ...times([1.5, 1.95, 2.4], 'renew')],
  },
  'pairs that do not fit': {
    story: 'rejected-update',
    not: ['rotating', 'stale-repush', 'issuer-silent'],
    fault: true,
    events: times([0.1, 0.55, 1, 1.45, 1.9, 2.35], 'reject'),
  },
  'renewed after the end': {
    story: 'late-renewal',
    not: ['rotating', 'issuer-silent', 'stream-recovered'],
    fault: true,
    events: times([1.1, 2.2], 'renew'),
  },
  'another identity': {
    story: 'identity-mismatch',
    not: ['rotating', 'rejected-update'],
    fault: true,
    events: [0.1, 0.55, 1, 1.45, 1.9, 2.35].map((at) => ({ at, does: 'renew', uri: `${uri}-wrong` })),
  },
  'other roots only': {
    story: 'trust-change',
    not: ['issuer-silent', 'rotating'],
    fault: true,
    events: [0.1, 0.55, 1, 1.45].map((at, index) => ({ at, does: 'roots', roots: ['r1', `x${index}`] })),
  },
};

describe('diagnose', () => {
  describe.each(Object.entries(courses))('%s', (_name, { story, not, fault, events }) => {
    for (const envoy of ['1.36.4', '1.40.0'])
      it(`is ${story} on Envoy ${envoy}, with and without the issuer's log`, () => {
        for (const sources of [undefined, ['dump', 'certs', 'handshake', 'counters'] as const]) {
          const diagnosis = told({ events, envoy, ...(sources && { sources: [...sources] }) });
          expect(diagnosis).toMatchObject({ story, fault });
          expect(not).not.toContain(diagnosis.story);
        }
      });
    it('is told from /certs too, when no handshake can be made', () => {
      expect(told({ events, sources: ['dump', 'certs', 'counters'] })).toMatchObject({ story, fault });
    });
    it.runIf(fault)(
      'is a fault without counters too, on the Envoy whose dump moves and on the one whose does not',
      () => {
        for (const envoy of ['1.36.4', '1.40.0'])
          expect(told({ events, sources: ['dump', 'certs', 'handshake'], envoy }).fault).toBe(true);
      },
    );
  });

  it('covers every story', () => {
    const seen = new Set(Object.values(courses).map(({ story }) => story));
    const elsewhere: Story[] = ['cannot-reload', 'not-renewed', 'undecided'];
    expect([...seen, ...elsewhere].toSorted()).toEqual(stories.toSorted());
  });

  it('raises the alarm at five sixths, and tells when the certificate ended', () => {
    const diagnosis = told({ events: [] });
    expect(diagnosis.alarmAt).toBe(time(5 / 6));
    expect(diagnosis.expiredAt).toBe(time(1));
    expect(diagnosis.alarms).toEqual([{ at: time(5 / 6), serial: 'a1', endsAt: time(1) }]);
    expect(told({ events: healthy }).alarms).toEqual([]);
  });

  it('is undecided before the alarm, and says until when', () => {
    const early = told({ events: times([0.45], 'repush') }, { now: time(0.7) });
    expect(early).toMatchObject({ story: 'undecided', fault: false, alarmAt: time(5 / 6), alarms: [] });
    expect(early.because.join()).toContain('repeats itself');
    expect(told({ events: times([0.45], 'repush') }, { now: time(0.84) })).toMatchObject({ story: 'stale-repush' });
  });

  it('leaves open what counters would tell, and is still sure that nothing was renewed', () => {
    const blind = { events: times([0.45, 0.9, 1.35], 'repush'), sources: ['dump', 'certs'] as ('dump' | 'certs')[] };
    // The newer Envoy leaves its dump as it is; on the older one it moves, which is evidence of a delivery.
    expect(told({ ...blind, envoy: '1.40.0' })).toMatchObject({ story: 'not-renewed', fault: true });
    expect(told({ ...blind, envoy: '1.36.4' })).toMatchObject({ story: 'stale-repush', fault: true });
  });

  it('tells the outage from one look long after it began, as the customer had it', () => {
    const late = { events: times([0.85, 1.7, 2.55], 'repush'), lifetimes: 3, lookAt: [2.9] };
    expect(told({ ...late, envoy: '1.36.4', sources: ['dump', 'certs'] })).toMatchObject({ story: 'stale-repush' });
    expect(told({ ...late, envoy: '1.40.0' })).toMatchObject({ story: 'stale-repush' });
    expect(told({ ...late, events: [] })).toMatchObject({ story: 'issuer-silent' });
  });

  it('sees that a restart masks a fault, and cures none', () => {
    const stale = [...times([0.45, 0.9], 'repush'), { at: 1.4, does: 'restart' } as Event];
    const restarted = simulate({ events: [...stale, ...times([1.85], 'repush')], lifetimes: 2 });
    const at = { restarts: [time(1.39)] };
    for (const more of [at, {}])
      expect(diagnose(restarted, { ...options, ...more })).toMatchObject({ story: 'stale-repush', masked: true });
    const again = simulate({ events: [...stale, ...times([1.85, 2.3], 'repush')] });
    expect(diagnose(again, { ...options, ...at })).toMatchObject({ story: 'stale-repush', expiredAt: time(2.4) });
    expect(diagnose(again, { ...options, ...at }).masked).toBeUndefined();
    const cured = simulate({ events: [...stale, ...times([1.85, 2.3], 'renew')] });
    for (const more of [at, {}]) expect(diagnose(cured, { ...options, ...more }).story).toBe('rotating');
  });

  it('knows a certificate that no SDS feeds, before it ends', () => {
    const pinned = simulate({ events: [], lifetimes: 0.3 });
    const bare = { ...pinned, dump: [], bundle: [], counters: [] };
    expect(diagnose(bare, options)).toMatchObject({ story: 'cannot-reload', fault: true });
    const named = {
      ...pinned,
      pinned: [{ context: 'listener virtualInbound', serial: 'a1', file: '/etc/certs/tls.pem' }],
    };
    expect(diagnose(named, options).because.join()).toContain(
      'listener virtualInbound holds it from /etc/certs/tls.pem',
    );
    const other = { ...simulate({ events: healthy }), pinned: [{ context: 'cluster payment', serial: 'p1' }] };
    expect(diagnose(other, options)).toMatchObject({ story: 'rotating' });
    expect(diagnose(other, options).because).toContain('cluster payment cannot reload');
  });

  it('knows a certificate that no root of its bundle signed, however well it rotates', () => {
    const rotating = simulate({ events: healthy });
    const cutOff = { ...rotating, dump: rotating.dump.map((run) => ({ ...run, untrusted: true as const })) };
    expect(diagnose(cutOff, options)).toMatchObject({ story: 'trust-change', fault: true });
    expect(diagnose(cutOff, options).because.join()).toContain('the bundle holds r1');
    const once = { ...rotating, dump: [...cutOff.dump.slice(0, 1), ...rotating.dump.slice(1)] };
    expect(diagnose(once, options)).toMatchObject({ story: 'rotating' });
  });

  it('tells from the start of the proxy that its certificate was renewed', () => {
    const young = { ...simulate({ events: [], lookAt: [0.2] }), startedAt: time(-8) };
    expect(diagnose(young, options)).toMatchObject({ story: 'rotating' });
    expect(diagnose({ ...young, startedAt: time(-0.1) }, options)).toMatchObject({ story: 'undecided' });
  });

  it('compares four sources, and says why one is missing', () => {
    expect(told({ events: healthy }).comparison).toMatchObject({ agreement: 'agree', missing: {} });
    const rejected = told({ events: times([0.1], 'reject'), lifetimes: 0.5 }).comparison;
    expect(rejected).toMatchObject({
      agreement: 'differ',
      readings: {
        issuer: { serial: 'a2' },
        dump: { serial: 'a2' },
        certs: { serial: 'a1' },
        handshake: { serial: 'a1' },
      },
    });
    expect(told({ events: [], sources: ['certs'] }).comparison).toMatchObject({
      agreement: 'alone',
      missing: { issuer: expect.any(String), dump: 'not recorded', handshake: expect.any(String) },
    });
  });

  it('takes the sources for what they said when nothing was ever seen', () => {
    const nothing = simulate({ events: [], lookAt: [0], sources: ['issuer'] });
    const blind = { ...nothing, silent: [{ source: 'certs', reason: 'connection refused' }] };
    expect(diagnose(blind)).toMatchObject({ story: 'undecided', because: ['certs: connection refused'] });
  });

  it('judges every proxy of a course with its own restarts', () => {
    const proxies = [
      { ...simulate({ events: healthy }), workload: 'front-end' },
      {
        ...simulate({ events: [...times([0.45, 0.9], 'repush'), { at: 1.4, does: 'restart' }], lifetimes: 2 }),
        workload: 'user',
      },
    ];
    const events = [{ at: time(1.39), workload: 'user', what: 'restart', detail: '' }];
    const course = { start: time(0), end: time(2.7), lifetimeSeconds, proxies, calls: [], loads: [], events };
    expect(diagnoseCourse(course)).toMatchObject({ 'front-end': { story: 'rotating' }, user: { masked: true } });
  });
});

describe('diagnose, whatever is recorded', () => {
  /** Each run simulates some forty looks at a proxy. */
  const runs = { numRuns: 40 };
  const shares = fc.double({ min: 0.05, max: 0.8, noNaN: true });
  const versions = fc.constantFrom('1.36.4', '1.40.0');

  it('takes no version and no last-updated for a renewal', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.nat(200)), { maxLength: 8 }), versions, (moves, envoy) => {
        const still = simulate({ events: [], envoy });
        const [leaf] = still.dump.map((run) => run.leaf);
        const dump = moves.map(([version, seconds], index) => ({
          ...(leaf && { leaf }),
          version,
          lastUpdated: new Date(start + seconds * 1000).toISOString(),
          first: time(index / 4),
          last: time(index / 4 + 0.2),
          looks: 3,
        }));
        const { story, fault } = diagnose({ ...still, dump: [...still.dump, ...dump] }, options);
        expect(story).not.toBe('rotating');
        expect(fault).toBe(true);
      }),
      runs,
    );
  });

  it('calls every renewal before the alarm a rotation, and rings no alarm', () => {
    fc.assert(
      fc.property(fc.array(shares, { minLength: 4, maxLength: 8 }), versions, (gaps, envoy) => {
        let at = 0;
        const events = gaps.map((gap): Event => ({ at: (at += gap), does: 'renew' }));
        const diagnosis = told({ events, envoy, lifetimes: at + 0.05 });
        expect(diagnosis).toMatchObject({ story: 'rotating', alarms: [] });
      }),
      runs,
    );
  });

  it('hears an alarm a sixth of the lifetime before the end, never after it', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(courses)), versions, ({ events }, envoy) => {
        for (const { at, endsAt } of told({ events, envoy }).alarms)
          expect(Date.parse(endsAt) - Date.parse(at)).toBeGreaterThanOrEqual((lifetimeSeconds * 1000) / 6 - 1);
      }),
      runs,
    );
  });

  it('knows nothing of what comes later', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(courses)), fc.integer({ min: 1, max: 38 }), ({ events }, look) => {
        const now = time(look / 15);
        const whole = diagnose(simulate({ events }), { ...options, now });
        const cut = diagnose(simulate({ events, lifetimes: look / 15 + 0.001 }), { ...options, now });
        expect(whole.story).toBe(cut.story);
      }),
      runs,
    );
  });
});
