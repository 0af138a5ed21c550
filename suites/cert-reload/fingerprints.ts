import type { Failure } from './expect/calls.ts';

/** How a call fails whose server shows an expired certificate: the caller's proxy does not go on with the handshake. */
export const expiredServer: Failure = {
  status: 503,
  flags: ['UF', 'URX'],
  reason: /certificate.has.expired|CERTIFICATE_VERIFY_FAILED/i,
};
/** How it fails when the caller itself shows one: in TLS 1.3 the server refuses it when the caller believes to be connected. */
export const expiredClient: Failure = { status: 503, flags: ['UC', 'UF', 'URX'], reason: /^$|expired/i };
/** How it fails when both do: the caller looks first. */
export const expiredBoth: Failure = { ...expiredServer };
/** How it fails when the server is somebody else. */
export const otherIdentity: Failure = { status: 503, flags: ['UF', 'URX'], reason: /SAN|CERTIFICATE_VERIFY_FAILED/i };
