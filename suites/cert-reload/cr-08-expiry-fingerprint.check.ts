// Proves what an expired certificate looks like from outside, which side it is on, and that readiness says nothing of it.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { certificates, loadParts } from './course.ts';
import { rose } from './expect/issuer.ts';
import { ofFirstLifetimes } from './expect/ask.ts';
import { failsFrom, outageSeenBy, pageAnswers } from './expect/calls.ts';
import { servesExpired } from './expect/certificates.ts';
import { expiredBoth, expiredClient, expiredServer } from './fingerprints.ts';

const uses = ['issuer', 'handshaker', 'front-end', 'front-end-stale', 'catalogue', 'catalogue-stale'];

export default check({
  id: 'CR-08',
  title: 'Symptom fingerprint of expiry',
  level: 'core',
  system: 'cert-reload',
  tags: ['certificates', 'outage', 'symptoms'],
  needs: ['istio', 'sidecar'],
  channels: ['current'],
  scene: 'sock-shop',
  uses,
  parts: loadParts,
  story: {
    setUp:
      'A client and a server whose certificates expire, beside a client and a server that are renewed: expired on the client, on the server, on both.',
    sends:
      'A call a second over a fresh connection for each of the three, the page of front-end, pod states and application logs after expiry.',
    expects:
      'Expired server: the caller refuses, 503 with UF or URX and a verification text. Expired client: the server refuses, and its alert names the certificate. The page of front-end answers 200, pods are 2/2, application logs are clean.',
    why: 'The text of the transport failure names the side at fault; nothing else that people look at shows anything.',
  },
  params: { monitor: 'fresh' },
  async collect(stage) {
    stage.record('before', await states(stage));
    await stage.course(certificates, uses);
    stage.record('after', await states(stage));
  },
  judge: ({ fact, params: { monitor } }) => [
    fact('course', ofFirstLifetimes(1.22, servesExpired('catalogue-stale'))),
    fact('course', ofFirstLifetimes(1.22, servesExpired('front-end-stale'))),
    fact('course', ofFirstLifetimes(1.22, failsFrom('front-end', 'catalogue-stale', [0.9, 1.2], expiredServer))),
    // A server that resumes a session does not look at the client's certificate again: only its own next renewal ends that.
    fact('course', ofFirstLifetimes(1.7, failsFrom('front-end-stale', 'catalogue', [0.9, 1.6], expiredClient))),
    fact('course', ofFirstLifetimes(1.7, rose('catalogue', 'ssl.fail_verify_error', 1, 'server-refuses'))),
    fact('course', ofFirstLifetimes(1.22, failsFrom('front-end-stale', 'catalogue-stale', [0.9, 1.2], expiredBoth))),
    fact('course', ofFirstLifetimes(1.22, pageAnswers('front-end'))),
    fact('after', podsLookWell),
    monitor === 'readiness'
      ? fact('after', outageByReadiness)
      : fact('course', outageSeenBy('front-end', 'catalogue-stale', 'fresh')),
  ],
  twins: [
    {
      name: 'readiness-only',
      sabotage: 'The outage is looked for in readiness alone: pods stay 2/2 all through it.',
      breaks: 'outage-seen',
      params: { monitor: 'readiness' },
    },
  ],
});

const pods = z.array(
  z.object({ workload: z.string(), ready: z.string(), restarts: z.number(), complaints: z.number() }),
);
const wellNow = (found: z.infer<typeof pods>): boolean =>
  found.length > 0 && found.every(({ ready, complaints }) => ready === '2/2' && complaints === 0);
const inWords = (found: z.infer<typeof pods>): string =>
  found.map(({ workload, ready, complaints }) => `${workload} ${ready}, ${complaints} complaints`).join('; ');

const podsLookWell = factIs({
  expectation: 'pods-look-well',
  kind: 'object',
  from: 'API server',
  expected: 'every pod 2/2 and no complaint in an application log',
  shape: pods,
  met: wellNow,
  seen: inWords,
});

const outageByReadiness = factIs({
  expectation: 'outage-seen',
  kind: 'object',
  from: 'readiness',
  expected: 'a pod that is not ready',
  shape: pods,
  met: (found) => !wellNow(found),
  seen: inWords,
});

/** What `kubectl get pods` and the application logs say. */
async function states(stage: Parameters<Parameters<typeof check>[0]['collect']>[0]): Promise<z.infer<typeof pods>> {
  const found = (await stage.objects('v1', 'Pod', stage.names['namespace'] ?? '')) as Pod[];
  const own = uses.filter((each) => each.startsWith('front-end') || each.startsWith('catalogue'));
  return Promise.all(
    own.map(async (workload) => {
      const pod = found.find(({ metadata }) => metadata.labels?.['app'] === workload);
      const all = pod?.status?.containerStatuses ?? [];
      const log = await stage.log(workload, 'app');
      return {
        workload,
        ready: `${all.filter(({ ready }) => ready).length}/${all.length}`,
        restarts: all.reduce((sum, { restartCount }) => sum + restartCount, 0),
        complaints: log.split('\n').filter((line) => /error|exception|fail/i.test(line)).length,
      };
    }),
  );
}

interface Pod {
  metadata: { name: string; labels?: Record<string, string> };
  status?: { containerStatuses?: { ready: boolean; restartCount: number }[] };
}
