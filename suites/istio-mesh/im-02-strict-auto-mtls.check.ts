// Proves that under STRICT every service takes mesh calls with an identity, and no plaintext.
import { check } from '#verdict/check.ts';
import { callerSeenBy, notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered, resetWithoutStatus } from '#verdict/expectations/client.ts';
import { matchedCluster, mutualTlsFrom, plaintextAt, refusedInbound } from '#verdict/expectations/proxy-log.ts';
import { callTo, clusterOf, services, spiffe, type Service } from './biometrics.ts';

const all = Object.keys(services) as Service[];
/** Who calls a service from inside the mesh: the API gateway, which the web app calls in turn. */
const callerOf = (service: Service): Service => (service === 'api-gateway' ? 'web-app' : 'api-gateway');

export default check({
  id: 'IM-02',
  title: 'STRICT with auto mTLS',
  level: 'core',
  system: 'istio-mesh',
  tags: ['mtls', 'headline'],
  needs: ['istio', 'sidecar'],
  scene: 'biometrics',
  uses: ['outsider', ...all],
  story: {
    setUp: 'PeerAuthentication default with mode STRICT in namespace biometrics.',
    sends:
      'A mesh call and a plaintext call to each of the seven services; the plaintext ones before and after as well, where plaintext is allowed.',
    expects:
      'Each mesh call: 200 on a matched cluster, mutual TLS, and the SPIFFE ID of the caller in x-forwarded-client-cert. Each plaintext call: cut without any HTTP status, refused with filter_chain_not_found, nothing received.',
    why: 'One workload that still takes plaintext is a door beside the mesh: no identity, no policy, no encryption.',
  },
  async collect(stage) {
    const { names } = stage;
    const plaintext = Object.fromEntries(
      all.map((each) => [`plaintext-${each}`, callTo(names, 'outsider', each, '/plaintext')]),
    );
    await stage.between({ under: 'strict' }, plaintext, () =>
      Promise.all([
        ...all.map((each) => stage.call(`mesh-${each}`, callTo(names, callerOf(each), each, '/mesh'))),
        ...Object.entries(plaintext).map(([name, plan]) => stage.call(name, plan)),
      ]),
    );
  },
  judge: ({ names, probe }) =>
    all.map((each) => [
      ...probe(
        `mesh-${each}`,
        answered(200),
        matchedCluster(callerOf(each), clusterOf(names, each)),
        mutualTlsFrom(each, spiffe(names, callerOf(each))),
        callerSeenBy(each, spiffe(names, callerOf(each))),
        receivedBy(each),
      ),
      ...['before', 'after'].flatMap((when) =>
        probe(`plaintext-${each}-${when}`, answered(200), plaintextAt(each), receivedBy(each)),
      ),
      ...probe(`plaintext-${each}`, resetWithoutStatus, refusedInbound(each), notReceivedBy(each)),
    ]),
  twins: [
    {
      name: 'one-workload-permissive',
      sabotage: 'session-service has a PERMISSIVE policy of its own beside the STRICT of the namespace.',
      breaks: 'reset-without-status',
      on: 'plaintext-session-service',
      only: true,
    },
  ],
});
