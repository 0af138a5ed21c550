import { z } from 'zod';
import { plainSerial } from '#support/certificates.ts';

/** Admin path of the certificates that Envoy holds for its TLS contexts: those it really serves and sends. */
export const certsPath = '/certs';

/** One entry of `/certs`; each TLS context has its own, so a serial comes as often as there are contexts. */
export interface CertsEntry {
  serial: string;
  notBefore: string;
  notAfter: string;
  /** Whole days, rounded down: 0 for all of the last day. */
  daysUntilExpiration?: number;
  uris: string[];
  /** `<inline>` when it came by SDS, else the file's path. */
  path: string;
}
export interface CertsPage {
  leaves: CertsEntry[];
  roots: CertsEntry[];
}

const entry = z
  .looseObject({
    path: z.string().default(''),
    serial_number: z.string(),
    subject_alt_names: z.array(z.looseObject({ uri: z.string().optional() })).default([]),
    days_until_expiration: z.string().optional(),
    valid_from: z.string(),
    expiration_time: z.string(),
  })
  .transform((each): CertsEntry => ({
    serial: plainSerial(each.serial_number),
    notBefore: new Date(each.valid_from).toISOString(),
    notAfter: new Date(each.expiration_time).toISOString(),
    ...(each.days_until_expiration !== undefined && { daysUntilExpiration: Number(each.days_until_expiration) }),
    uris: each.subject_alt_names.flatMap(({ uri }) => uri ?? []),
    path: each.path,
  }));
const page = z.looseObject({
  certificates: z
    .array(z.looseObject({ ca_cert: z.array(entry).default([]), cert_chain: z.array(entry).default([]) }))
    .default([]),
});

/**
 * Reads the `/certs` page.
 *
 * @param body its JSON text
 * @throws ZodError or SyntaxError when it is none
 */
export function certsEntries(body: string): CertsPage {
  const { certificates } = page.parse(JSON.parse(body));
  return {
    // Not chains: one leaf for each key that the context can offer.
    leaves: certificates.flatMap((each) => each.cert_chain),
    roots: certificates.flatMap((each) => each.ca_cert),
  };
}

/** The page in one line, as a course keeps it: serial to number of contexts, and what ends first. */
export function certsSummary({ leaves }: CertsPage): {
  entries: Record<string, number>;
  notAfter?: string;
  daysUntilExpiration?: number;
} {
  const entries: Record<string, number> = {};
  for (const { serial } of leaves) entries[serial] = (entries[serial] ?? 0) + 1;
  const first = leaves.toSorted((a, b) => a.notAfter.localeCompare(b.notAfter))[0];
  return {
    entries,
    ...(first && { notAfter: first.notAfter }),
    ...(first?.daysUntilExpiration !== undefined && { daysUntilExpiration: first.daysUntilExpiration }),
  };
}
