import type { ClientOutcome } from '#support/evidence.ts';
import { answer, type Expectation } from '#verdict/expectation.ts';

/** The client got this status, and in the body these words. */
export function answered(status: number, words?: string): Expectation {
  const expected = words === undefined ? `status ${status}` : `status ${status}, body with "${words}"`;
  return ({ client, from }) => [
    answer(
      { expectation: `status-${status}`, kind: 'client', from, expected },
      client.status === status && (words === undefined || (client.body ?? '').includes(words)),
      outcomeText(client),
    ),
  ];
}

/** The connection was cut by the far side before any HTTP status came: plaintext that meets STRICT. */
export const resetWithoutStatus: Expectation = ({ client, from }) => [
  answer(
    { expectation: 'reset-without-status', kind: 'client', from, expected: 'connection cut, no HTTP status' },
    (client.outcome === 'reset' || client.outcome === 'closed') && client.status === undefined,
    outcomeText(client),
  ),
];

/** What a client saw, in one line. */
export function outcomeText(client: ClientOutcome): string {
  if (client.status === undefined)
    return client.error === undefined ? client.outcome : `${client.outcome} (${client.error.code})`;
  const words = client.status >= 400 && client.body ? `: ${client.body.trim().slice(0, 160)}` : '';
  return `status ${client.status}${words}`;
}
