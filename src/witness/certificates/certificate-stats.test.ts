import { describe, expect, it } from 'vitest';
import { summed } from '#witness/certificates/certificate-stats.ts';

describe('summed', () => {
  it('adds up what is counted for each outbound cluster, and leaves the rest by its plain name', () => {
    const counters = {
      'cluster.outbound|80||carts.shop.svc.cluster.local;.ssl.handshake': 3,
      'cluster.outbound|80||orders.shop.svc.cluster.local;.ssl.handshake': 4,
      'cluster.outbound|80||orders.shop.svc.cluster.local;.client_ssl_socket_factory.ssl_context_update_by_sds': 2,
      'listener.0.0.0.0_15006.ssl.handshake': 9,
      'cluster.sds-grpc;.upstream_cx_active': 1,
      'sds.default.update_success': 5,
    };
    expect(summed(counters)).toEqual({
      'cluster.outbound.ssl.handshake': 7,
      'cluster.outbound.ssl_context_update_by_sds': 2,
      'listener.0.0.0.0_15006.ssl.handshake': 9,
      'cluster.sds-grpc.upstream_cx_active': 1,
      'sds.default.update_success': 5,
    });
  });
});
