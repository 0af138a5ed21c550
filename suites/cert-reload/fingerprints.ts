import { course as courseSchema } from '#support/certificates.ts';
import type { FactExpectation } from '#verdict/expectation.ts';
import type { Failure } from './expectations.ts';
import { upTo } from './sock-shop.ts';

/** How a call fails whose server shows an expired certificate: the caller's proxy does not go on with the handshake. */
export const expiredServer: Failure = { status: 503, flags: ['UF', 'URX'], reason: /certificate.has.expired|CERTIFICATE_VERIFY_FAILED/i };
/** How it fails when the caller itself shows one: the server's proxy refuses the caller. */
export const expiredClient: Failure = { status: 503, flags: ['UC', 'UF', 'URX'], reason: /CERTIFICATE_EXPIRED|expired/i };
/** How it fails when the server is somebody else. */
export const otherIdentity: Failure = { status: 503, flags: ['UF', 'URX'], reason: /SAN|CERTIFICATE_VERIFY_FAILED/i };

/** Weighs a course as if it had ended then: what came later is not this expectation's matter. */
export function ofFirstLifetimes(lifetimes: number, expectation: FactExpectation): FactExpectation {
  return (name, value) => {
    const parsed = courseSchema.safeParse(value);
    return expectation(name, parsed.success ? (upTo(parsed.data, lifetimes) as unknown as typeof value) : value);
  };
}
