import { diagnoseCourse } from '#diagnose/stories.ts';
import type { Story } from '#diagnose/story.ts';
import type { CertificateSource } from '#support/certificates.ts';
import type { FactExpectation } from '#verdict/expectation.ts';
import { generationsOf } from '../generations.ts';
import { proxyOf } from '../sock-shop.ts';
import { ask, by } from './ask.ts';

/** By this source, the proxy got a new certificate at least so often, each before the one before it ended. */
export function renewedInTime(workload: string, source: CertificateSource, least: number): FactExpectation {
  const expected = `${least} renewals or more, each before the expiry of the one before`;
  return ask({ ...by(source, workload), expectation: 'renewed-in-time', expected }, (course) => {
    const proxy = proxyOf(course, workload);
    const generations = proxy ? generationsOf(proxy, source) : [];
    if (generations.length === 0) return { silent: `${source} told nothing of ${workload}` };
    const late = generations.slice(1).find(({ first }, index) => {
      const before = generations[index]?.notAfter;
      return before !== undefined && Date.parse(first) > Date.parse(before);
    });
    const renewals = generations.length - 1;
    return {
      met: renewals >= least && !late,
      seen: late ? `${late.serial} came after expiry` : `${renewals} renewals`,
    };
  });
}

/** All sources that tell of serials name the same one at the end. */
export function sourcesAgree(workload: string): FactExpectation {
  const question = { kind: 'certificate', from: `four sources of ${workload}`, expectation: 'sources-agree' } as const;
  return ask({ ...question, expected: 'one serial, by all of them' }, (course) => {
    const proxy = proxyOf(course, workload);
    if (!proxy) return { silent: `${workload} was not watched` };
    const told = (['issuer', 'dump', 'certs', 'handshake'] as const).flatMap((source) => {
      const last = generationsOf(proxy, source).at(-1);
      return last ? [{ source, serial: last.serial }] : [];
    });
    const seen = told.map(({ source, serial }) => `${source} ${serial.slice(0, 8)}`).join(', ');
    if (told.length < 4) return { silent: `only ${seen || 'none'} told a serial` };
    return { met: new Set(told.map(({ serial }) => serial)).size === 1, seen };
  });
}

/** What a fresh handshake with a workload was served last: a certificate that had expired by then. */
export function servesExpired(workload: string): FactExpectation {
  const question = { ...by('handshake', workload), expectation: 'serves-expired', expected: 'an expired certificate' };
  return ask(question, (course) => {
    const last = proxyOf(course, workload)?.handshake.at(-1);
    if (!last?.leaf) return { silent: `no handshake with ${workload}` };
    const over = (Date.parse(last.last) - Date.parse(last.leaf.notAfter)) / 1000;
    return { met: over > 0, seen: `serial ${last.leaf.serial.slice(0, 8)}, expired for ${Math.round(over)} s` };
  });
}

/** The same by `/certs`. */
export function listsExpired(workload: string): FactExpectation {
  const question = { ...by('certs', workload), expectation: 'lists-expired', expected: 'an expired entry' };
  return ask(question, (course) => {
    const last = proxyOf(course, workload)?.certs.at(-1);
    if (last?.notAfter === undefined) return { silent: `no /certs of ${workload}` };
    const over = (Date.parse(last.last) - Date.parse(last.notAfter)) / 1000;
    const entries = Object.values(last.entries).reduce((sum, count) => sum + count, 0);
    return { met: over > 0, seen: `${entries} entries, the first to end expired for ${Math.round(over)} s` };
  });
}

/** Diagnosis, from all sources at once, tells this story of the workload. */
export function toldAs(workload: string, story: Story): FactExpectation {
  const question = { expectation: 'story', kind: 'certificate', from: `diagnosis of ${workload}` } as const;
  return ask({ ...question, expected: story }, (course) => {
    const found = diagnoseCourse(course)[workload];
    if (!found || found.story === 'undecided') return { silent: found?.sentence ?? `${workload} was not watched` };
    return { met: found.story === story, seen: `${found.story}: ${found.sentence}` };
  });
}

/** Whether the dump looked renewed while the certificate stayed the same: the evidence that misleads. */
export function dumpRefreshed(workload: string, refreshed: boolean): FactExpectation {
  const question = { ...by('dump', workload), expectation: refreshed ? 'dump-refreshed' : 'dump-left-alone' };
  const expected = refreshed ? 'a newer version of the same serial' : 'the version of the start';
  return ask({ ...question, expected }, (course) => {
    const runs = proxyOf(course, workload)?.dump.filter(({ leaf }) => leaf) ?? [];
    const last = runs.at(-1);
    if (!last) return { silent: `no dump of ${workload}` };
    const versions = new Set(runs.flatMap(({ leaf, version }) => (leaf?.serial === last.leaf?.serial ? version : [])));
    return { met: versions.size > 1 === refreshed, seen: `${versions.size} versions of one serial` };
  });
}

/** A fresh handshake is served the serial of the start, all the time. */
export function keepsServing(workload: string): FactExpectation {
  const question = { ...by('handshake', workload), expectation: 'keeps-serving', expected: 'the serial of the start' };
  return ask(question, (course) => {
    const serials = [
      ...new Set((proxyOf(course, workload)?.handshake ?? []).flatMap(({ leaf }) => leaf?.serial ?? [])),
    ];
    if (serials.length === 0) return { silent: `no handshake with ${workload}` };
    return { met: serials.length === 1, seen: `${serials.length} serials` };
  });
}

/** Who asks this source is not told of a new certificate. */
export function notRotatedBy(workload: string, source: CertificateSource): FactExpectation {
  const question = {
    ...by(source, workload),
    expectation: 'not-rotated',
    expected: 'the serial of the start, and no other',
  };
  return ask(question, (course) => {
    const proxy = proxyOf(course, workload);
    const serials = proxy ? generationsOf(proxy, source) : [];
    if (serials.length === 0) return { silent: `${source} told nothing of ${workload}` };
    return { met: serials.length === 1, seen: `${serials.length} serials` };
  });
}

/** At each renewal but for a look, all entries of `/certs` hold one serial. */
export function noStraggler(workload: string): FactExpectation {
  const question = { ...by('certs', workload), expectation: 'no-straggler', expected: 'one serial in every entry' };
  return ask(question, (course) => {
    const proxy = proxyOf(course, workload);
    if (!proxy || proxy.certs.length === 0) return { silent: `no /certs of ${workload}` };
    // A look that falls into a renewal sees both: what lasts for two of them does not fall into one.
    const mixed = proxy.certs.find(({ entries, looks }) => Object.keys(entries).length > 1 && looks > 1);
    if (!mixed)
      return { met: true, seen: `${Object.values(proxy.certs.at(-1)?.entries ?? {})[0]} entries, one serial` };
    const named = (proxy.pinned ?? []).map(({ context }) => context).join(', ');
    return {
      met: false,
      seen: `serials ${Object.keys(mixed.entries)
        .map((each) => each.slice(0, 8))
        .join(', ')}; ${named}`,
    };
  });
}

/** The bundle in force changed so often: roots that it held, phase after phase. */
export function bundleChanged(workload: string, phases: number): FactExpectation {
  const question = { kind: 'certificate', from: `ROOTCA of ${workload}`, expectation: 'bundle-changed' } as const;
  return ask({ ...question, expected: `${phases} bundles, one after another` }, (course) => {
    const bundles = proxyOf(course, workload)?.bundle ?? [];
    if (bundles.length === 0) return { silent: `no ROOTCA of ${workload}` };
    return {
      met: bundles.length === phases,
      seen: bundles.map(({ roots }) => `${roots.length} roots`).join(', then '),
    };
  });
}

/** A client whose certificate is of the first root gets in at the start, and is refused at the end. */
export function oldRootRefused(workload: string): FactExpectation {
  const question = { ...by('handshake', workload), expectation: 'old-root-refused' };
  return ask({ ...question, expected: 'status 200 at first, no answer at the end' }, (course) => {
    const runs = proxyOf(course, workload)?.handshake ?? [];
    const [first, last] = [runs[0], runs.at(-1)];
    if (!first || !last) return { silent: `no handshake with ${workload}` };
    return {
      met: first.outcome === 'status 200' && !last.outcome.startsWith('status'),
      seen: `${first.outcome} at first, ${last.outcome} at the end`,
    };
  });
}

/** SPIFFE ID that fresh handshakes are shown, for as long as the course lasts. */
export function namedAs(workload: string, spiffeId: string): FactExpectation {
  const question = { ...by('handshake', workload), expectation: 'named-as', expected: spiffeId };
  return ask(question, (course) => {
    const shown = new Set((proxyOf(course, workload)?.handshake ?? []).flatMap(({ leaf }) => leaf?.uris ?? []));
    if (shown.size === 0) return { silent: `no handshake with ${workload}` };
    return { met: shown.size === 1 && shown.has(spiffeId), seen: [...shown].join(', ') };
  });
}

/** SPIFFE ID that the last handshake was shown. */
export function identityServed(workload: string, pattern: RegExp): FactExpectation {
  const question = {
    ...by('handshake', workload),
    expectation: 'identity-served',
    expected: `an ID like ${pattern.source}`,
  };
  return ask(question, (course) => {
    const shown = proxyOf(course, workload)?.handshake.at(-1)?.leaf?.uris[0];
    if (shown === undefined) return { silent: `no handshake with ${workload}` };
    return { met: pattern.test(shown), seen: shown };
  });
}

/** So many different serials at least, whenever they came. */
export function serialsSeen(workload: string, source: CertificateSource, least: number): FactExpectation {
  const question = { ...by(source, workload), expectation: 'serials-seen', expected: `${least} serials or more` };
  return ask(question, (course) => {
    const proxy = proxyOf(course, workload);
    const seen = proxy ? generationsOf(proxy, source).length : 0;
    return seen === 0
      ? { silent: `${source} told nothing of ${workload}` }
      : { met: seen >= least, seen: `${seen} serials` };
  });
}
