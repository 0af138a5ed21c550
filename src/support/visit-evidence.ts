import { z } from 'zod';

/** A cookie as a server set it; its value only as the start of its SHA-256. */
const setCookie = z.object({
  name: z.string(),
  valueHash: z.string(),
  domain: z.string().optional(),
  path: z.string().optional(),
  secure: z.boolean(),
  httpOnly: z.boolean(),
  sameSite: z.string().optional(),
  cleared: z.boolean(),
});

/** One request of a browser's visit. */
export const hopEvidence = z.object({
  id: z.string(),
  method: z.string(),
  url: z.string(),
  status: z.number().optional(),
  location: z.string().optional(),
  cookiesSent: z.array(z.string()),
  setCookies: z.array(setCookie),
  error: z.string().optional(),
  durationMs: z.number().optional(),
});
export type HopEvidence = z.infer<typeof hopEvidence>;

/** A cookie that the browser held at the end of its visit. */
export const cookieEvidence = z.object({
  name: z.string(),
  domain: z.string(),
  path: z.string().optional(),
  secure: z.boolean(),
  httpOnly: z.boolean(),
  expires: z.string().optional(),
  valueHash: z.string(),
});
export type CookieEvidence = z.infer<typeof cookieEvidence>;

/** What the provider wrote down of one request. */
export const providerEntry = z.object({
  at: z.string(),
  endpoint: z.string(),
  status: z.number().optional(),
  user: z.string().optional(),
  clientId: z.string().optional(),
  redirectUri: z.string().optional(),
  grant: z.string().optional(),
  error: z.string().optional(),
});

/** The way of a browser through redirects and a login, and what it held at the end. */
export const visitEvidence = z.object({
  hops: z.array(hopEvidence),
  cookies: z.array(cookieEvidence),
  /** `response`, `loop`, `too-many-hops`, or how the last request failed. */
  ended: z.string(),
  /** The browser's own time, in milliseconds: what was not waiting for answers. */
  ownMs: z.number(),
  /** The provider's log of that time; absent where the scene has none. */
  provider: z.array(providerEntry).optional(),
});
export type VisitEvidence = z.infer<typeof visitEvidence>;
