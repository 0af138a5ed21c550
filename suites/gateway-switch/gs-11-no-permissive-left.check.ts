// Proves by probing, not only by reading objects, that no service takes plaintext any more.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered, resetWithoutStatus } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { plaintextAt, refusedInbound } from '#verdict/expectations/proxy-log.ts';
import { direct, services, type Service } from './semaphore.ts';

const all = Object.keys(services) as Service[];
const modes = z.array(z.object({ name: z.string(), workload: z.string(), mode: z.string(), ports: z.string() }));

export default check({
  id: 'GS-11',
  title: 'No PERMISSIVE left, by config and by probe',
  level: 'core',
  system: 'gateway-switch',
  tags: ['mtls', 'plaintext'],
  needs: ['istio', 'sidecar'],
  scene: 'semaphore',
  uses: ['edge', ...all],
  story: {
    setUp: 'The target state: STRICT for the namespace.',
    sends:
      'Plaintext to the port of each of the four services, from a pod without a sidecar; the same before and after, where plaintext is allowed.',
    expects:
      'No PeerAuthentication of the namespace or the mesh root has the mode PERMISSIVE or DISABLE for the four services; every plaintext call is cut without any HTTP status, refused with filter_chain_not_found, and reaches no application.',
    why: 'A mode field that says STRICT proves nothing: a port-level exception behind it lets plaintext in.',
  },
  async collect(stage) {
    const { names } = stage;
    const plaintext = Object.fromEntries(all.map((each) => [each, direct(names, 'edge', each, '/plaintext')]));
    await stage.between({ under: 'target' }, plaintext, async () => {
      const found = await Promise.all(
        [names['namespace'] ?? '', 'istio-system'].map((each) =>
          stage.objects('security.istio.io/v1beta1', 'PeerAuthentication', each),
        ),
      );
      stage.record('modes', found.flat().map(modeOf));
      await Promise.all(Object.entries(plaintext).map(([name, plan]) => stage.call(name, plan)));
    });
  },
  judge: ({ probe, fact }) => [
    fact('modes', modeFields),
    all.flatMap((each) => [
      ...probe(`${each}-before`, answered(200), plaintextAt(each), receivedBy(each)),
      ...probe(each, resetWithoutStatus, refusedInbound(each), notReceivedBy(each)),
      ...probe(`${each}-after`, answered(200), plaintextAt(each), receivedBy(each)),
    ]),
  ],
  twins: [
    {
      name: 'hidden-port-exception',
      sabotage: 'beacon says STRICT and has a port-level PERMISSIVE behind it: the mode field alone looks fine.',
      breaks: 'reset-without-status',
      on: 'beacon',
      only: true,
    },
  ],
});

/** Reads the mode field alone, as people do; that it is not enough is what the probes are for. */
const modeFields = factIs({
  expectation: 'mode-fields',
  kind: 'object',
  from: 'API server',
  expected: 'STRICT in every mode field',
  shape: modes,
  met: (found) => found.length > 0 && found.every(({ mode }) => mode === 'STRICT'),
  seen: (found) => found.map(({ name, mode, ports }) => `${name}: ${mode}${ports && ` (ports: ${ports})`}`).join(', '),
});

function modeOf(object: object): z.infer<typeof modes>[number] {
  const { metadata, spec } = object as PeerAuthentication;
  const ports = Object.entries(spec?.portLevelMtls ?? {}).map(([port, { mode }]) => `${port} ${mode}`);
  return {
    name: metadata.name,
    workload: spec?.selector?.matchLabels?.['app'] ?? 'all',
    mode: spec?.mtls?.mode ?? 'UNSET',
    ports: ports.join(', '),
  };
}

interface PeerAuthentication {
  metadata: { name: string };
  spec?: {
    selector?: { matchLabels?: Record<string, string> };
    mtls?: { mode?: string };
    portLevelMtls?: Record<string, { mode?: string }>;
  };
}
