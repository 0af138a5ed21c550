// Proves which issuer a proxy ends up with when the socket is there at start, comes late, or never comes.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { certsEntries, certsPath } from '#witness/certificates/certs-page.ts';
import { dumpedSecrets, secretsPath } from '#witness/certificates/secrets-page.ts';

const workloads = ['catalogue-restarted', 'rabbitmq', 'session-db'];

export default check({
  id: 'CR-16',
  title: 'Start-up path with an external socket',
  level: 'core',
  system: 'cert-reload',
  tags: ['certificates', 'start-up'],
  needs: ['istio', 'sidecar'],
  channels: ['current'],
  scene: 'sock-shop',
  uses: ['issuer', 'handshaker', ...workloads],
  story: {
    setUp:
      'Three pods are started: with the socket of the outside issuer in place, with a socket that appears after the proxy is ready, and without any.',
    sends:
      'Nothing: what each agent says when it starts, who issued the certificate in force, and what the outside issuer signed.',
    expects:
      'In place: found, files only, no request to istiod, leaf of the outside issuer. Late or absent: the agent falls back to the CA of istiod without a word of alarm, and the issuer of the leaf is what tells. "failed to set up UDS path" alone is no fault.',
    why: 'A pod that starts a second too early runs on the wrong CA for its whole life, and every dashboard is green.',
  },
  params: { present: 'catalogue-restarted' },
  async collect(stage) {
    await stage.issuer('issuer', async (issuer) => {
      await issuer.mode('catalogue-restarted', 'healthy');
      await issuer.mode(['rabbitmq', 'session-db'], 'drop');
      await stage.restart(...workloads);
      await issuer.mode('rabbitmq', 'healthy');
      const [before] = (await issuer.log(0)).slice(-1);
      stage.record('seen', Object.fromEntries(await Promise.all(workloads.map((each) => seenOf(stage, each)))));
      const { identities } = await issuer.page();
      const streams = identities.filter(({ name }) => workloads.includes(name));
      stage.record('issuer', {
        events: before?.seq ?? 0,
        streams: Object.fromEntries(
          streams.map(({ name, streams: own }) => [name, own.filter(({ closedAt }) => closedAt === undefined).length]),
        ),
      });
      await issuer.mode('rabbitmq', 'drop');
    });
  },
  judge: ({ fact, params: { present } }) => [
    fact('seen', startedOn(present, 'the outside issuer')),
    fact('seen', startedOn('rabbitmq', 'istiod')),
    fact('seen', startedOn('session-db', 'istiod')),
    fact('seen', markersOf(present)),
    fact('seen', messageIsNoFault),
    fact('issuer', streamsOf(present)),
  ],
  twins: [
    {
      name: 'socket-late',
      sabotage: 'The socket comes when the proxy is ready already: it has fallen back to istiod.',
      breaks: 'leaf-issuer',
      params: { present: 'rabbitmq' },
    },
  ],
});

const seenBy = z.record(
  z.string(),
  z.object({
    issuer: z.string(),
    socketFound: z.boolean(),
    filesOnly: z.boolean(),
    signedByIstiod: z.boolean(),
    udsMessage: z.boolean(),
    entries: z.number(),
  }),
);
type SeenBy = z.infer<typeof seenBy>[string];

const startedOn = (workload: string, issuer: SeenBy['issuer']) =>
  factIs({
    expectation: 'leaf-issuer',
    kind: 'certificate',
    from: `dump of ${workload}`,
    expected: `a leaf of ${issuer}`,
    shape: seenBy,
    met: (seen) => seen[workload]?.issuer === issuer,
    seen: (seen) => `a leaf of ${seen[workload]?.issuer ?? 'nobody'}`,
  });

const markersOf = (workload: string) =>
  factIs({
    expectation: 'start-up-markers',
    kind: 'source-log',
    from: `agent of ${workload}`,
    expected: 'an existing socket found, files only, no certificate signed by istiod',
    shape: seenBy,
    met: (seen) => {
      const own = seen[workload];
      return own !== undefined && own.socketFound && own.filesOnly && !own.signedByIstiod;
    },
    seen: (seen) => JSON.stringify(seen[workload]),
  });

const messageIsNoFault = factIs({
  expectation: 'message-is-no-fault',
  kind: 'certificate',
  from: '/certs of all three',
  expected: 'certificates in force everywhere, whatever was said of the path of the socket',
  shape: seenBy,
  met: (seen) => Object.values(seen).every(({ entries }) => entries > 0),
  seen: (seen) =>
    Object.entries(seen)
      .map(([name, { entries, udsMessage }]) => `${name}: ${entries} entries${udsMessage ? ', with the message' : ''}`)
      .join('; '),
});

const streamsOf = (workload: string) =>
  factIs({
    expectation: 'outside-streams',
    kind: 'counter',
    from: 'outside issuer',
    expected: `open streams of ${workload}`,
    shape: z.object({ streams: z.record(z.string(), z.number()) }),
    met: ({ streams }) => (streams[workload] ?? 0) > 0,
    seen: ({ streams }) => JSON.stringify(streams),
  });

async function seenOf(
  stage: Parameters<Parameters<typeof check>[0]['collect']>[0],
  workload: string,
): Promise<[string, SeenBy]> {
  const [dump, certs, log] = await Promise.all([
    stage.adminPage(workload, secretsPath),
    stage.adminPage(workload, certsPath),
    stage.log(workload, 'istio-proxy', 'head'),
  ]);
  const leaf = dumpedSecrets(dump)['default']?.leaf;
  const issuer =
    leaf === undefined ? 'nobody' : leaf.issuer?.includes('CN=meshwitness issuer') ? 'the outside issuer' : 'istiod';
  return [
    workload,
    {
      issuer,
      socketFound: /existing workload SDS socket found/i.test(log),
      filesOnly: /only serve files/i.test(log),
      signedByIstiod: /generated new workload certificate/i.test(log),
      udsMessage: /failed to set up UDS path/i.test(log),
      entries: certsEntries(certs).leaves.length,
    },
  ];
}
