import { z } from 'zod';

/** Of a value that is told to nobody: the first 16 hexadecimal digits of its SHA-256. */
const namedValue = z.object({ name: z.string(), valueHash: z.string() });

/** One request of a browser and what came of it. Times in milliseconds. */
export const hopEvidence = z.object({
  /** The probe id of this request alone. */
  id: z.string(),
  method: z.string(),
  url: z.string(),
  /** Absent when no answer came. */
  status: z.number().optional(),
  /** Of the answer, made absolute. */
  location: z.string().optional(),
  /** As they stand in the answer; whether the browser took them is seen in its cookies. */
  setCookies: z.array(
    namedValue.extend({
      domain: z.string().optional(),
      path: z.string().optional(),
      secure: z.boolean(),
      httpOnly: z.boolean(),
      sameSite: z.string().optional(),
      /** It has expired already, which removes the cookie. */
      cleared: z.boolean(),
    }),
  ),
  cookiesSent: z.array(namedValue),
  /** One line: `ECONNREFUSED in phase connect: …`. */
  error: z.string().optional(),
  durationMs: z.number().optional(),
});
export type HopEvidence = z.infer<typeof hopEvidence>;

/** A cookie that the browser held at the end. */
export const cookieEvidence = namedValue.extend({
  /** Without a dot in front, whether it is for one host or for all under it. */
  domain: z.string(),
  path: z.string().optional(),
  secure: z.boolean(),
  httpOnly: z.boolean(),
  /** ISO 8601; absent for a cookie of the session. */
  expires: z.string().optional(),
});
export type CookieEvidence = z.infer<typeof cookieEvidence>;

/** A line of the provider's log. Of its fields only those are needed that every request has. */
export const providerEntry = z.object({
  n: z.number().optional(),
  at: z.string(),
  /** `authorize`, `login`, `token` and so on. */
  endpoint: z.string(),
  status: z.number().optional(),
  user: z.string().optional(),
  clientId: z.string().optional(),
  redirectUri: z.string().optional(),
  grant: z.string().optional(),
  error: z.string().optional(),
});

/** What a browser did on its way, and what the provider wrote down of it where there is one. */
export const visitEvidence = z.object({
  hops: z.array(hopEvidence),
  cookies: z.array(cookieEvidence),
  /** A client's outcome, or `loop` or `too-many-hops`. */
  ended: z.string(),
  /** The browser's own work, without the time of its requests. Milliseconds. */
  ownMs: z.number(),
  provider: z.array(providerEntry).optional(),
  /** It went to a provider of the user's, which shows its log to nobody. */
  outsideProvider: z.boolean().optional(),
});
export type VisitEvidence = z.infer<typeof visitEvidence>;
