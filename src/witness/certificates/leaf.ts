import { X509Certificate } from 'node:crypto';
import { plainSerial, type Leaf } from '#support/certificates.ts';

const block = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/**
 * The certificates of a PEM bundle, in its order: of a chain, the leaf is the first.
 *
 * @throws Error of node:crypto for a block that is no certificate
 */
export function certificatesOf(pem: string): X509Certificate[] {
  return (pem.match(block) ?? []).map((each) => new X509Certificate(each));
}

/** A certificate as all sources are compared by. */
export function leafOf(certificate: X509Certificate): Leaf {
  return {
    serial: plainSerial(certificate.serialNumber),
    notBefore: certificate.validFromDate.toISOString(),
    notAfter: certificate.validToDate.toISOString(),
    uris: urisOf(certificate.subjectAltName),
    issuer: certificate.issuer.replaceAll('\n', ', '),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

/** Node writes alternative names as `URI:spiffe://…, DNS:…`, and as a JSON string where a name holds a comma. */
function urisOf(subjectAltName = ''): string[] {
  return [...subjectAltName.matchAll(/(?:^|, )URI:(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<plain>[^,]*))/g)].map(
    ({ groups }) =>
      groups?.['quoted'] === undefined ? (groups?.['plain'] ?? '') : (JSON.parse(`"${groups['quoted']}"`) as string),
  );
}

/** Whether a chain leads to a root of a bundle, both PEM; undefined when either holds nothing that can be read. */
export function leadsTo(chain: string, bundle: string): boolean | undefined {
  try {
    const [leaf, ...rest] = certificatesOf(chain);
    const roots = certificatesOf(bundle);
    if (!leaf || roots.length === 0) return undefined;
    const last = rest.reduce((signed, next) => (isSignedBy(signed, next) ? next : signed), leaf);
    return roots.some((root) => root.fingerprint256 === last.fingerprint256 || isSignedBy(last, root));
  } catch {
    return undefined;
  }
}

const isSignedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
