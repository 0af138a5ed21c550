import type { CookieEvidence, HopEvidence, VisitEvidence } from '#support/visit-evidence.ts';
import type { ProbeEvidence } from '#support/evidence.ts';
import { answer, missing, type Expectation, type Question } from '#verdict/expectation.ts';

type Weigh = (visit: VisitEvidence) => { met: boolean; seen: string };

/** What a browser did and saw on its way. A probe that was no visit is a missing witness. */
function browser(expectation: string, expected: string, weigh: Weigh): Expectation {
  return (probe) => {
    const question: Question = { expectation, kind: 'client', from: probe.from, expected };
    if (!probe.visit) return [missing(question, 'no browser was sent')];
    const { met, seen } = weigh(probe.visit);
    return [answer(question, met, seen)];
  };
}

/** The browser came to its end by itself: no redirect loop, and no more hops than a browser takes. */
export const endedByItself: Expectation = browser(
  'no-loop',
  'an end within the hops of a browser',
  ({ ended, hops }) => ({
    met: ended !== 'loop' && ended !== 'too-many-hops',
    seen: `${ended} after ${hops.length} hops`,
  }),
);

/** The browser was sent on to a page whose address starts so. */
export function sentTo(prefix: string): Expectation {
  return browser('sent-to', `a redirect to ${prefix}`, ({ hops }) => {
    const [first] = hops.filter(({ location }) => location?.startsWith(prefix));
    return { met: first !== undefined, seen: first ? 'sent there' : wayOf(hops) };
  });
}

/** The browser stands on this page at the end. */
export function endedAt(url: string): Expectation {
  return browser('ended-at', `an end at ${url}`, ({ hops }) => {
    const last = hops.at(-1)?.url ?? 'nowhere';
    return { met: last.split('?', 1)[0] === url, seen: last };
  });
}

/** At the end the browser holds a cookie of this name, or with a suffix to it, for which all of that is true. */
export function holdsCookie(name: string, facts: Partial<CookieEvidence>): Expectation {
  const expected = `cookie ${name} with ${JSON.stringify(facts)}`;
  return browser('cookie-held', expected, ({ cookies }) => {
    const found = cookies.find((each) => each.name === name || each.name.startsWith(`${name}-`));
    const wrong = Object.entries(facts).filter(([key, value]) => found?.[key as keyof CookieEvidence] !== value);
    const seen = wrong.map(([key]) => `${key} ${String(found?.[key as keyof CookieEvidence])}`).join(', ');
    return { met: found !== undefined && wrong.length === 0, seen: found ? seen || 'as expected' : 'no such cookie' };
  });
}

/** At the end the browser holds no cookie whose name starts so. */
export function holdsNoCookie(prefix: string): Expectation {
  return browser('no-cookie', `no cookie ${prefix}…`, ({ cookies }) => {
    const found = cookies.filter(({ name }) => name.startsWith(prefix)).map(({ name }) => name);
    return { met: found.length === 0, seen: found.join(', ') || 'none' };
  });
}

/** The provider saw this browser so often on one of its endpoints: `login`, `authorize`, `token`. */
export function providerSaw(endpoint: string, times: number): Expectation {
  return provider('provider-saw', `${times} × ${endpoint}`, (entries) => {
    const seen = entries.filter((each) => each.endpoint === endpoint).length;
    return { met: seen === times, seen: `${seen} × ${endpoint}` };
  });
}

/** The provider logged this user in and gave a token: whatever came after is the gateway's doing. */
export const loggedIn: Expectation = (probe) => (probe.visit?.outsideProvider ? tokenTaken : tokenGiven)(probe);

const tokenGiven: Expectation = (probe) =>
  provider('logged-in', 'a token given', (entries) => {
    const tokens = entries.filter(({ endpoint, status }) => endpoint === 'token' && status === 200).length;
    return { met: tokens === 1, seen: `${tokens} tokens given` };
  })(probe);

/** Where the provider shows no log: the gateway sends a browser on with an ID token only when it has got one. */
const tokenTaken = browser('logged-in', 'a callback answered by a redirect that sets the ID token', ({ hops }) => {
  const callbacks = hops.filter(isCallback);
  const good = callbacks.filter(({ status = 0, setCookies }) => {
    return status >= 300 && status < 400 && setCookies.some(({ name, cleared }) => !cleared && idToken.test(name));
  });
  const [{ status, error = 'no answer' } = {}] = callbacks;
  const seen = callbacks.length === 0 ? `no callback: ${wayOf(hops)}` : `${status ?? error}`;
  return { met: good.length === 1, seen: good.length > 0 ? `${good.length} × so` : seen };
});

/** `IdToken-…` as Envoy Gateway makes the name up, `id-token-a` as policies state it. */
const idToken = /^id-?token/i;

function isCallback({ url }: HopEvidence): boolean {
  const query = URL.parse(url)?.searchParams;
  return query?.has('state') === true && (query.has('code') || query.has('error'));
}

function provider(
  expectation: string,
  expected: string,
  weigh: (entries: NonNullable<VisitEvidence['provider']>) => { met: boolean; seen: string },
): Expectation {
  return (probe: ProbeEvidence) => {
    const question: Question = { expectation, kind: 'provider', from: 'accounts', expected };
    const entries = probe.visit?.provider;
    if (!entries) return [missing(question, 'its log was not read')];
    const { met, seen } = weigh(entries);
    return [answer(question, met, seen)];
  };
}

const wayOf = (hops: readonly HopEvidence[]): string =>
  hops.map(({ status, location }) => location?.split('?', 1)[0] ?? String(status ?? 'no answer')).join(' → ');
