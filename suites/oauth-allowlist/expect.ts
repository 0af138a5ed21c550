import { z } from 'zod';
import { answer, type Expectation } from '#verdict/expectation.ts';
import { outcomeText } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { deniedByPolicy } from '#verdict/expectations/proxy-log.ts';
import { authorization, gateway } from './homelab.ts';

const status = z.object({
  exists: z.boolean(),
  accepted: z.string().optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
  /** What it names as its target. */
  targets: z.array(z.string()).optional(),
  /** Another namespace, in which one of that name stands. */
  elsewhere: z.string().optional(),
  /** The API server's words. */
  refusal: z.string().optional(),
});

/** The controller has taken the policy: its status says so for the gateway that it targets. */
export const accepted = policyIs('policy-accepted', 'Accepted: True', (found) => found.accepted === 'True');
/** The controller says that it cannot make anything of the policy. */
export const notAccepted = policyIs('policy-not-accepted', 'Accepted: False', (found) => found.accepted === 'False');

function policyIs(expectation: string, expected: string, met: (found: z.output<typeof status>) => boolean) {
  return factIs({
    expectation,
    kind: 'object',
    from: 'SecurityPolicy status',
    expected,
    shape: status,
    met,
    seen: textOf,
  });
}

function textOf(found: z.output<typeof status>): string {
  const { exists, accepted: said, reason, message, targets, elsewhere, refusal } = found;
  if (refusal !== undefined) return `refused: ${refusal.split('\n', 1)[0]}`;
  if (elsewhere !== undefined) return `wrong namespace: it stands in ${elsewhere}`;
  if (!exists) return 'missing: no such policy';
  if (targets && !targets.includes(gateway)) return `wrong target: it names ${targets.join(', ')}`;
  return `Accepted: ${said ?? 'not said'}${reason ? `, ${reason}` : ''}${message ? `: ${message}` : ''}`;
}

/**
 * The gateway lets nobody in who has not logged in: it sends to the provider. Anything else that is answered by the application
 * is the gateway standing open, which is a verdict of its own: `fail-open`.
 */
export const guarded =
  (names: Record<string, string>): Expectation =>
  ({ client, from }) => {
    const place = authorization(names);
    const { status: answered = 0 } = client;
    const location = client.headers?.['location'];
    const met = answered === 302 && location?.startsWith(place) === true;
    const isOpen = answered >= 200 && answered < 300;
    const open = isOpen ? 'open to everybody: ' : '';
    const to = location === undefined ? '' : ` to ${location.split('?', 1)[0]}`;
    const expectation = isOpen ? 'fail-open' : 'guarded';
    const question = { expectation, kind: 'client', from, expected: `302 to ${place}` } as const;
    return [answer(question, met, `${open}${outcomeText(client)}${to}`)];
  };

/** What the gateway asks the provider for, when it sends a browser there: what is in the address. */
export function asksFor(expectation: string, expected: string, met: (query: URLSearchParams) => boolean): Expectation {
  return ({ client, from }) => {
    const query = new URL(client.headers?.['location'] ?? 'none:').searchParams;
    const seen = [...query].map(([name, value]) => `${name}=${value.slice(0, 60)}`).join(' ') || 'no redirect';
    return [answer({ expectation, kind: 'client', from, expected }, met(query), seen)];
  };
}

/** Denied by the default of the policy's list: Envoy Gateway calls it `DENY`. */
export const deniedByList = (workload: string): Expectation => deniedByPolicy(workload, 'DENY');
