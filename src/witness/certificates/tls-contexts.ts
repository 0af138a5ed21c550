import { z } from 'zod';
import type { Leaf } from '#support/certificates.ts';
import { certificatesOf, leafOf } from '#witness/certificates/leaf.ts';
import { dataSource, textOf } from '#witness/certificates/secrets-page.ts';

/** A place of a proxy's configuration that does TLS, and where its certificate comes from. */
export interface TlsContext {
  kind: 'listener' | 'cluster';
  /** Of the listener or cluster: `virtualInbound`, `outbound|80||catalogue.sock-shop.svc.cluster.local`. */
  name: string;
  /** Secrets that SDS feeds it with. */
  secrets: SdsReference[];
  /** Certificates that only a new configuration can replace. */
  pinned: PinnedCertificate[];
}
export interface SdsReference {
  name: string;
  /** Whom it is asked of: an Envoy cluster (`sds-grpc`), `ads`, a file's path, or `static` for a secret of the bootstrap. */
  from: string;
}
export interface PinnedCertificate {
  /** Path of the file that Envoy reads once; absent when the certificate stands in the configuration. */
  file?: string;
  leaf?: Leaf;
}
/** What a proxy's whole configuration says of its certificates. */
export interface TlsInventory {
  contexts: TlsContext[];
  /** Socket of each cluster that secrets are asked of: `sds-grpc` to `./var/run/secrets/workload-spiffe-uds/socket`. */
  sockets: Record<string, string>;
}

const sdsReference = z.looseObject({
  name: z.string(),
  sds_config: z
    .looseObject({
      api_config_source: z
        .looseObject({
          grpc_services: z
            .array(z.looseObject({ envoy_grpc: z.looseObject({ cluster_name: z.string() }).optional() }))
            .default([]),
        })
        .optional(),
      path_config_source: z.looseObject({ path: z.string() }).optional(),
      path: z.string().optional(),
      ads: z.unknown().optional(),
    })
    .optional(),
});
const common = z.looseObject({
  tls_certificates: z.array(z.looseObject({ certificate_chain: dataSource.optional() })).default([]),
  tls_certificate_sds_secret_configs: z.array(sdsReference).default([]),
  validation_context_sds_secret_config: sdsReference.optional(),
  combined_validation_context: z
    .looseObject({ validation_context_sds_secret_config: sdsReference.optional() })
    .optional(),
});
type Common = z.infer<typeof common>;

/** Listeners of the bootstrap of older Istio have no name. */
const named = z.looseObject({ name: z.string().default('unnamed') });
const page = z.looseObject({
  configs: z.array(
    z.looseObject({
      bootstrap: z
        .looseObject({ static_resources: z.looseObject({ clusters: z.array(named).default([]) }).optional() })
        .optional(),
      static_listeners: z.array(z.looseObject({ listener: named })).default([]),
      dynamic_listeners: z
        .array(z.looseObject({ active_state: z.looseObject({ listener: named }).optional() }))
        .default([]),
      static_clusters: z.array(z.looseObject({ cluster: named })).default([]),
      dynamic_active_clusters: z.array(z.looseObject({ cluster: named })).default([]),
    }),
  ),
});

/**
 * Reads which listeners and clusters can take a new certificate while the proxy runs, and which cannot.
 *
 * @param body JSON text of a whole `/config_dump`
 * @throws ZodError or SyntaxError when it is none
 */
export function tlsInventory(body: string): TlsInventory {
  const { configs } = page.parse(JSON.parse(body));
  const listeners = configs.flatMap((each) => [
    ...each.static_listeners.map(({ listener }) => listener),
    ...each.dynamic_listeners.flatMap((state) => state.active_state?.listener ?? []),
  ]);
  const clusters = configs.flatMap((each) =>
    [...each.static_clusters, ...each.dynamic_active_clusters].map(({ cluster }) => cluster),
  );
  const contexts = [
    ...listeners.flatMap((each) => contextsOf('listener', each)),
    ...clusters.flatMap((each) => contextsOf('cluster', each)),
  ];
  const asked = new Set(contexts.flatMap(({ secrets }) => secrets.map(({ from }) => from)));
  const started = configs.flatMap((each) => each.bootstrap?.static_resources?.clusters ?? []);
  const sockets = started
    .filter(({ name }) => asked.has(name))
    .flatMap((each) => pipesOf(each).map((path): [string, string] => [each.name, path]));
  return { contexts, sockets: Object.fromEntries(sockets) };
}

/** Contexts with a certificate that no renewal reaches. */
export function cannotReload({ contexts }: TlsInventory): TlsContext[] {
  return contexts.filter(({ pinned }) => pinned.length > 0);
}

function contextsOf(kind: TlsContext['kind'], holder: z.infer<typeof named>): TlsContext[] {
  return objectsWithin(holder)
    .filter(({ '@type': type }) => typeof type === 'string' && /\.(Up|Down)streamTlsContext$/.test(type))
    .map((each) => common.parse(each['common_tls_context'] ?? {}))
    .map((each) => ({ kind, name: holder.name, secrets: secretsOf(each), pinned: pinnedOf(each) }))
    .filter(({ secrets, pinned }) => secrets.length + pinned.length > 0);
}

function secretsOf(context: Common): SdsReference[] {
  const bundle =
    context.combined_validation_context?.validation_context_sds_secret_config ??
    context.validation_context_sds_secret_config;
  return [...context.tls_certificate_sds_secret_configs, ...(bundle ? [bundle] : [])].map(
    ({ name, sds_config: from }) => ({
      name,
      from:
        from?.api_config_source?.grpc_services[0]?.envoy_grpc?.cluster_name ??
        from?.path_config_source?.path ??
        from?.path ??
        (from?.ads === undefined ? 'static' : 'ads'),
    }),
  );
}

function pinnedOf(context: Common): PinnedCertificate[] {
  return context.tls_certificates.map(({ certificate_chain: chain }) => {
    const [leaf] = certificatesOf(textOf(chain));
    return {
      ...(chain?.filename !== undefined && { file: chain.filename }),
      ...(leaf && { leaf: leafOf(leaf) }),
    };
  });
}

function pipesOf(cluster: z.infer<typeof named>): string[] {
  return objectsWithin(cluster).flatMap(({ pipe }) => {
    const found = z.object({ path: z.string() }).safeParse(pipe);
    return found.success ? [found.data.path] : [];
  });
}

/** TLS contexts hide below filter chains, socket matches and wrapping sockets: every object is looked at. */
function objectsWithin(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value.flatMap(objectsWithin);
  if (typeof value !== 'object' || value === null) return [];
  return [value as Record<string, unknown>, ...Object.values(value).flatMap(objectsWithin)];
}
