import { z } from 'zod';
import { plainSerial, type Leaf } from '#support/certificates.ts';
import { certificatesOf, leadsTo, leafOf } from '#witness/certificates/leaf.ts';

/** Admin path that answers with nothing but the secrets that SDS delivered. */
export const secretsPath = '/config_dump?resource=dynamic_active_secrets';

/**
 * A secret as Envoy's dump shows it. It is what was delivered last, not what is served: here Envoy 1.36.4 and
 * 1.40.0 show the certificate of a pair that they rejected while they go on with the one before. Version and
 * last-updated follow neither delivery nor use in the same way on both.
 */
export interface DumpedSecret {
  name: string;
  /** First certificate of the chain. */
  leaf?: Leaf;
  /** Serials of the trust bundle, sorted. */
  roots?: string[];
  version?: string;
  lastUpdated?: string;
  /** What Envoy says of an update that it did not take. */
  rejected?: string;
  /** No root of the bundle `ROOTCA` on the same page signed it. */
  untrusted?: true;
  /** Subscribed to, and nothing came yet. */
  warming?: true;
  /** The secret names a file instead of holding the certificate. */
  file?: string;
  /** Why its body could not be read as certificates. */
  unreadable?: string;
}

/** Where a certificate stands in Envoy's configuration. */
export const dataSource = z.looseObject({
  inline_bytes: z.string().optional(),
  inline_string: z.string().optional(),
  filename: z.string().optional(),
});
type DataSource = z.infer<typeof dataSource>;
const secret = z.looseObject({
  name: z.string(),
  version_info: z.string().optional(),
  last_updated: z.string().optional(),
  error_state: z.looseObject({ details: z.string().optional() }).optional(),
  secret: z
    .looseObject({
      tls_certificate: z.looseObject({ certificate_chain: dataSource.optional() }).optional(),
      validation_context: z.looseObject({ trusted_ca: dataSource.optional() }).optional(),
    })
    .optional(),
});
type DumpSecret = z.infer<typeof secret>;
const page = z.looseObject({
  configs: z
    .array(
      z.looseObject({
        '@type': z.string(),
        static_secrets: z.array(secret).default([]),
        dynamic_active_secrets: z.array(secret).default([]),
        dynamic_warming_secrets: z.array(secret).default([]),
      }),
    )
    .default([]),
});

/**
 * Reads the secrets out of a config dump, by name.
 *
 * @param body JSON text of {@link secretsPath}, or of a whole `/config_dump`
 * @throws ZodError or SyntaxError when it is neither
 */
export function dumpedSecrets(body: string): Record<string, DumpedSecret> {
  const { configs } = page.parse(JSON.parse(body));
  const own = configs.filter((each) => each['@type'].endsWith('.DynamicSecret')).map((each) => secret.parse(each));
  const listed = configs.flatMap((each) => [...each.static_secrets, ...each.dynamic_active_secrets]);
  const warming = configs.flatMap((each) => each.dynamic_warming_secrets);
  const delivered = [...own, ...listed];
  const read = Object.fromEntries(
    [
      ...warming.map((each): DumpedSecret => ({ ...readOne(each), warming: true })),
      // One that is in force stays so while its successor warms.
      ...delivered.map(readOne),
    ].map((each) => [each.name, each]),
  );
  const held = (name: string) => delivered.findLast((each) => each.name === name)?.secret;
  const chain = textOf(held('default')?.tls_certificate?.certificate_chain);
  const bundle = textOf(held('ROOTCA')?.validation_context?.trusted_ca);
  if (read['default'] && leadsTo(chain, bundle) === false) read['default'].untrusted = true;
  return read;
}

function readOne({
  name,
  version_info: version,
  last_updated: lastUpdated,
  error_state: failed,
  secret: body,
}: DumpSecret) {
  const told: DumpedSecret = { name };
  if (version !== undefined && version !== '') told.version = version;
  if (lastUpdated !== undefined) told.lastUpdated = lastUpdated;
  if (failed?.details !== undefined && failed.details !== '') told.rejected = failed.details;
  const chain = body?.tls_certificate?.certificate_chain;
  const bundle = body?.validation_context?.trusted_ca;
  const file = chain?.filename ?? bundle?.filename;
  if (file !== undefined) told.file = file;
  try {
    const [leaf] = certificatesOf(textOf(chain));
    if (leaf) told.leaf = leafOf(leaf);
    if (bundle)
      told.roots = certificatesOf(textOf(bundle))
        .map((each) => plainSerial(each.serialNumber))
        .toSorted();
  } catch (error) {
    told.unreadable = error instanceof Error ? error.message : String(error);
  }
  return told;
}

/** The text of a data source; empty when it is a file, which only the proxy can read. */
export function textOf(source: DataSource | undefined): string {
  if (source?.inline_bytes !== undefined) return Buffer.from(source.inline_bytes, 'base64').toString('utf8');
  return source?.inline_string ?? '';
}
