import { z } from 'zod';

/** A cookie as a browser was given it, or holds it. Values are hashes: equal values have equal ones, and nothing else is told. */
export const cookieEvidence = z.object({
  name: z.string(),
  valueHash: z.string(),
  domain: z.string().optional(),
  path: z.string().optional(),
  secure: z.boolean().default(false),
  httpOnly: z.boolean().default(false),
  sameSite: z.string().optional(),
  expires: z.string().optional(),
  /** The server told the browser to forget it. */
  cleared: z.boolean().default(false),
});
export type CookieEvidence = z.infer<typeof cookieEvidence>;

/** One request of a browser on its way, and what it was answered. Codes, states, nonces and tokens in URLs are hashes. */
export const hopEvidence = z.object({
  /** What the request carried as the probe's id: lines and receipts of this hop alone have it. */
  id: z.string(),
  method: z.string(),
  url: z.string(),
  status: z.number().optional(),
  location: z.string().optional(),
  setCookies: z.array(cookieEvidence).default([]),
  sentCookies: z.array(z.object({ name: z.string(), valueHash: z.string() })).default([]),
  durationMs: z.number().optional(),
});
export type HopEvidence = z.infer<typeof hopEvidence>;

/** What the provider wrote down of this visit. */
export const providerEntry = z.looseObject({
  endpoint: z.string(),
  status: z.number().optional(),
  user: z.string().optional(),
});

/** A visit of a browser: all of its hops, the cookies it ended up with, and how often it came to the provider. */
export const visitEvidence = z.object({
  hops: z.array(hopEvidence),
  cookies: z.array(cookieEvidence),
  /** `loop` and `too-many-hops` are ends of a browser only; else it ended as its last request did. */
  ended: z.string(),
  provider: z.array(providerEntry).optional(),
  /** Time that the browser spent, the network's left out, in milliseconds. */
  ownMs: z.number().optional(),
});
export type VisitEvidence = z.infer<typeof visitEvidence>;
