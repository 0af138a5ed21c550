import type { CertificateSource, Leaf, ProxyCourse } from '#support/certificates.ts';

/** What one source says of a secret now. */
export interface Reading {
  serial: string;
  notAfter?: string;
  /** Further serials that the source shows beside it. */
  others?: string[];
}
/** The four sources side by side. */
export interface Comparison {
  readings: Partial<Record<CertificateSource, Reading>>;
  /** Sources that said nothing, with the reason. */
  missing: Partial<Record<CertificateSource, string>>;
  /** `agree` and `differ` are of those that spoke; `alone` when fewer than two did. */
  agreement: 'agree' | 'differ' | 'alone';
}

/**
 * The last word of each source on the secret `default` of a proxy.
 *
 * @param inForce serial in force, by which `/certs` is read: it lists every context's certificate
 */
export function compare(proxy: ProxyCourse, inForce: string | undefined): Comparison {
  const dump = proxy.dump.at(-1);
  const certs = proxy.certs.at(-1);
  const handshake = proxy.handshake.findLast(({ leaf }) => leaf !== undefined);
  const held = Object.keys(certs?.entries ?? {});
  const pinned = new Set((proxy.pinned ?? []).map(({ serial }) => serial));
  const served = held.find((serial) => serial === inForce) ?? held.find((serial) => !pinned.has(serial)) ?? held[0];
  const others = held.filter((serial) => serial !== served);

  const readings: Comparison['readings'] = {};
  const issuance = proxy.issuer.at(-1);
  if (issuance) readings.issuer = reading(issuance);
  if (dump?.leaf) readings.dump = reading(dump.leaf);
  if (served !== undefined)
    readings.certs = {
      serial: served,
      ...(held.length === 1 && certs?.notAfter !== undefined && { notAfter: certs.notAfter }),
      ...(others.length > 0 && { others }),
    };
  if (handshake?.leaf) readings.handshake = reading(handshake.leaf);

  const serials = new Set(Object.values(readings).map(({ serial }) => serial));
  const spoke = Object.keys(readings).length;
  return {
    readings,
    missing: Object.fromEntries(
      (Object.keys(quiet) as CertificateSource[])
        .filter((source) => readings[source] === undefined)
        .map((source) => [source, proxy.silent.find((each) => each.source === source)?.reason ?? quiet[source]]),
    ),
    agreement: spoke < 2 ? 'alone' : serials.size === 1 ? 'agree' : 'differ',
  };
}

/** Why a source has nothing to say when nothing went wrong. */
const quiet: Record<CertificateSource, string> = {
  issuer: 'no log of the issuer at hand',
  dump: 'no secret `default` in the dump',
  certs: 'no certificate in /certs',
  handshake: 'no handshake was made',
};

const reading = ({ serial, notAfter }: Leaf): Reading => ({ serial, notAfter });
