import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAccessLogLine } from '#witness/access-log.ts';

const line =
  '{"startTime":"2026-11-21T03:40:00.123Z","probeId":"mw-1","method":"GET","path":"/auth/login","responseCode":503,' +
  '"responseFlags":"UC","upstreamCluster":"PassthroughCluster","durationMs":2,"routeName":"allow_any","attemptCount":"1","upstreamHost":null}';

describe('parseAccessLogLine', () => {
  it('reads numbers and leaves out what is null or a dash', () => {
    const entry = parseAccessLogLine(line);
    expect(entry).toMatchObject({ responseCode: 503, responseFlags: 'UC', attemptCount: 1, routeName: 'allow_any' });
    expect(entry).not.toHaveProperty('upstreamHost');
  });

  it('gives a connection that never became a request the response code 0', () => {
    expect(
      parseAccessLogLine(
        '{"startTime":"2026-11-21T03:40:00Z","responseCode":0,"responseFlags":"NR","connectionTerminationDetails":"filter_chain_not_found"}',
      ),
    ).toMatchObject({
      responseCode: 0,
      responseFlags: 'NR',
    });
  });

  it('passes over lines of the agent and of Envoy itself, and survives any text', () => {
    expect(parseAccessLogLine('2026-11-21T03:40:00Z info Envoy proxy is ready')).toBeUndefined();
    fc.assert(fc.property(fc.string(), (text) => void parseAccessLogLine(text)));
    fc.assert(
      fc.property(fc.json(), (text) => void parseAccessLogLine(`{"startTime":${text}}`)),
      { numRuns: 1_000 },
    );
    expect(parseAccessLogLine('{"startTime":{"toString":0},"responseCode":200}')).toMatchObject({ responseCode: 200 });
  });
});
