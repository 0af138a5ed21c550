import { describe, expect, it } from 'vitest';
import { failureText, netFailure, nodeFailure, reasonFailure } from '#probe/chromium/failure.ts';

describe('a failure of Chromium', () => {
  it.each([
    ['CONNECTION_REFUSED', 'refused', 'connect'],
    ['CONNECTION_RESET', 'reset', 'request'],
    ['CONNECTION_CLOSED', 'closed', 'request'],
    ['EMPTY_RESPONSE', 'closed', 'request'],
    ['NAME_NOT_RESOLVED', 'dns', 'dns'],
    ['ADDRESS_UNREACHABLE', 'unreachable', 'connect'],
    ['CONNECTION_TIMED_OUT', 'timeout', 'connect'],
    ['TIMED_OUT', 'timeout', 'connect'],
    ['CERT_AUTHORITY_INVALID', 'tls', 'tls'],
    ['SSL_PROTOCOL_ERROR', 'tls', 'tls'],
    ['BAD_SSL_CLIENT_AUTH_CERT', 'tls', 'tls'],
    ['SOMETHING_NEW', 'closed', 'request'],
  ])('ERR_%s is %s in phase %s', (name, outcome, phase) => {
    expect(netFailure(`net::ERR_${name}`)).toMatchObject({ outcome, error: { code: `ERR_${name}`, phase } });
  });

  it.each([
    ['ConnectionRefused', 'refused'],
    ['NameNotResolved', 'dns'],
    ['AddressUnreachable', 'unreachable'],
    ['TimedOut', 'timeout'],
    ['Failed', 'closed'],
  ])('for the reason %s is %s', (reason, outcome) => {
    expect(reasonFailure(reason).outcome).toBe(outcome);
  });
});

describe('a failure of Node.js', () => {
  it.each([
    ['ECONNREFUSED', 'refused'],
    ['EHOSTUNREACH', 'unreachable'],
    ['ETIMEDOUT', 'timeout'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls'],
    ['CERT_HAS_EXPIRED', 'tls'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'tls'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls'],
  ])('%s is %s', (code, outcome) => {
    expect(nodeFailure(Object.assign(new Error('said'), { code }), 'connect').outcome).toBe(outcome);
  });

  it('is a reset only when the system says so, and is told in one line', () => {
    const gone = Object.assign(new Error('hang up\nmore'), { code: 'ECONNRESET' });
    expect(failureText(nodeFailure(gone, 'tls'))).toBe('EOF in phase tls: hang up');
    expect(nodeFailure(gone, 'tls').outcome).toBe('closed');
    expect(nodeFailure(Object.assign(gone, { errno: -104 }), 'tls').outcome).toBe('reset');
  });
});
