import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLine } from '#gate/inbound-log.ts';

// Lines of a real sidecar, in the format of our labs.
const lines = (file: string): string[] =>
  readFileSync(resolve(import.meta.dirname, 'testdata', file), 'utf8')
    .trimEnd()
    .split('\n');
const arrivals = (file: string) =>
  lines(file)
    .map(readLine)
    .map((each) => (each.kind === 'inbound' ? each.call.arrival : each.kind));

const plain =
  '{"start_time":"2026-11-21T03:40:00.123Z","upstream_cluster":"inbound|8081||","downstream_local_address":"10.1.0.9:8081",' +
  '"downstream_remote_address":"10.1.0.7:40000","requested_server_name":null,"response_flags":"-"}';

describe('a line of a proxy', () => {
  it('of our labs says how a call came in', () => {
    expect(arrivals('lab.log')).toEqual(['mutual-tls', 'plaintext', 'refused', 'outbound', 'other']);
  });

  it("in Istio's default JSON says it by the server name", () => {
    expect(readLine(plain)).toEqual({
      kind: 'inbound',
      call: {
        time: new Date('2026-11-21T03:40:00.123Z'),
        port: 8081,
        address: '10.1.0.7',
        forwarded: false,
        arrival: 'plaintext',
      },
    });
    const named = (name: string) => plain.replace('"requested_server_name":null', `"requested_server_name":"${name}"`);
    expect(readLine(named('outbound_.8081_._.auth-identity.sem.svc.cluster.local'))).toMatchObject({
      call: { arrival: 'mutual-tls' },
    });
    // The application's own TLS carries its own name: from the server name alone, it cannot be told.
    expect(readLine(named('login.example.org'))).toMatchObject({ call: { arrival: 'untold' } });
  });

  it('of a format without any word on TLS leaves it untold', () => {
    expect(readLine(plain.replace(',"requested_server_name":null', ''))).toMatchObject({ call: { arrival: 'untold' } });
  });

  it('tells when the address is only what x-forwarded-for said', () => {
    const behind = plain.replace('10.1.0.7:40000', '203.0.113.9:0');
    expect(readLine(behind)).toMatchObject({ call: { address: '203.0.113.9', forwarded: true } });
  });

  it("in Istio's text format is known as such", () => {
    expect(readLine('[2026-11-21T03:40:00.123Z] "GET / HTTP/1.1" 200 - via_upstream - "-" 0 5 1 0')).toEqual({
      kind: 'text',
    });
  });

  it('may be anything', () => {
    const anything = fc.oneof(
      fc.string(),
      fc.json().map((json) => `{"startTime":"x","upstreamCluster":${json}}`),
    );
    fc.assert(
      fc.property(anything, (line) => {
        expect(() => readLine(line)).not.toThrow();
      }),
    );
  });
});
