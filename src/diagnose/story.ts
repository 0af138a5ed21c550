import type { Comparison } from '#diagnose/compare.ts';

/** What may be told of a proxy's certificate. */
export const stories = [
  'rotating', // a new serial came into force before the old one ended
  'stale-repush', // the issuer delivers the certificate it delivered before
  'issuer-silent', // the stream is open, and nothing comes
  'stream-lost', // no stream to the issuer
  'stream-recovered', // it was away, and is back
  'rejected-update', // delivered, and not taken
  'late-renewal', // a new serial, after the old one ended
  'identity-mismatch', // a certificate in another's name
  'trust-change', // other roots, and the leaf stays, or has none of them
  'cannot-reload', // a certificate that no SDS feeds
  'not-renewed', // overdue, and nothing at hand says whose fault it is
  'undecided', // no renewal is due yet, or nothing could be read
] as const;
export type Story = (typeof stories)[number];

/** Judgement of one proxy, by serial and validity only: what Envoy calls version or last-updated never counts as renewal. */
export interface Diagnosis {
  story: Story;
  /** True when someone has to act, or had an outage. */
  fault: boolean;
  /** The story in one or two sentences. */
  sentence: string;
  /** Of the certificate in force; ISO 8601, like all times here. */
  serial?: string;
  window?: { notBefore: string; notAfter: string };
  /** When the certificate in force should have had a successor. */
  alarmAt?: string;
  /** When it ended, or the one before it ended without a successor. */
  expiredAt?: string;
  /** Certificates that were still in force at five sixths of their lifetime: an alarm rang then. */
  alarms: { at: string; serial: string; endsAt: string }[];
  comparison: Comparison;
  /** The observations that the story stands on. */
  because: string[];
  /** A restart hid the fault, and nothing else changed. */
  masked?: true;
}

/** One moment in the words of every line of output: `2026-11-25 14:10:56Z`. */
export const clock = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')}Z`;
