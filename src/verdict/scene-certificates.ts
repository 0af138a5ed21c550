import { createHash, X509Certificate } from 'node:crypto';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { owned } from '#lab/manifests.ts';
import { hashAnnotation, type PlannedCertificate } from '#verdict/scene-file.ts';

/** ConfigMap in every namespace that has certificates of the scene; its key `ca.crt` is what clients trust. */
export const caName = 'meshwitness-ca';
/** Certificates that end sooner than this are made anew. */
const leastLeftMs = 86_400_000;

type CaMap = Manifest & { data?: { 'ca.crt'?: string } };

/**
 * Makes the TLS Secrets of a scene under one new CA, or finds them as they should be. All are made together, as the key of
 * the CA is kept nowhere.
 */
export async function makeCertificates(
  cluster: Cluster,
  planned: readonly PlannedCertificate[],
  signal?: AbortSignal,
): Promise<void> {
  const namespaces = [...new Set(planned.flatMap((each) => each.namespaces))];
  const hash = createHash('sha256').update(JSON.stringify(planned)).digest('hex').slice(0, 16);
  const found = await Promise.all(namespaces.map((each) => cluster.read<CaMap>('v1', 'ConfigMap', caName, each)));
  if (found.every((each) => each !== undefined && fits(each, hash))) return;
  const { CertificateAuthority } = await import('#support/certificate-authority.ts');
  const authority = await CertificateAuthority.create(`meshwitness ${hash}`);
  const made = planned.map(async ({ secret, hosts, namespaces: homes }) => {
    const { cert, key } = await authority.issue(hosts);
    const stringData = { 'tls.crt': cert, 'tls.key': key };
    return homes.map((home) => ({ ...header('Secret', secret, home), type: 'kubernetes.io/tls', stringData }));
  });
  await cluster.apply((await Promise.all(made)).flat(), signal);
  const maps = namespaces.map((each) => {
    const { metadata, ...rest } = header('ConfigMap', caName, each);
    const annotations = { [hashAnnotation]: hash };
    return { ...rest, metadata: { ...metadata, annotations }, data: { 'ca.crt': authority.pem } };
  });
  // Last: they say that the Secrets are there.
  await cluster.apply(maps, signal);
}

function fits({ metadata, data }: CaMap, hash: string): boolean {
  const pem = data?.['ca.crt'];
  if (pem === undefined || metadata.annotations?.[hashAnnotation] !== hash) return false;
  return Date.parse(new X509Certificate(pem).validTo) - Date.now() > leastLeftMs;
}

const header = (kind: string, name: string, namespace: string): Manifest =>
  owned({ apiVersion: 'v1', kind, metadata: { name, namespace } });
