// Proves that runs do not meet, that an interrupted one leaves nothing, and that what was not decided is never a pass.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';
import { firstVerdict, run, start } from './command.ts';

const status = z.array(z.object({ name: z.string(), nodes: z.array(z.string()) }));

export default check({
  id: 'XC-06',
  title: 'Isolation and honesty',
  level: 'core',
  system: 'harness',
  tags: ['isolation'],
  needs: ['istio', 'sidecar'],
  alone: true,
  story: {
    setUp: 'Two labs of their own names, brought up beside each other and beside the lab of this run.',
    sends:
      'One of them is interrupted when its node has just appeared, and brought up again. `verify IM-02` runs with a capability missing. Then both labs are taken down.',
    expects:
      'The interrupted run exits 130 and leaves nothing; its rerun and its neighbour come up; the check without its capability is listed as unsupported, with the reason and its attempts, and is no pass; after `down` nothing carries their names.',
    why: 'Leftovers of one run are the false verdicts of the next, and a skip that counts as a pass is a lie.',
  },
  params: { signal: 'SIGINT' },
  async collect(stage, { signal: how }) {
    const { signal } = stage;
    const [cut, beside] = [`${stage.names['lab']}-cut`, `${stage.names['lab']}-beside`];
    const up = (lab: string) => ['up', 'solo', '--name', lab, '--istio', 'none'];
    const labs = async () => status.parse(JSON.parse((await run(['status', '--json'], signal)).stdout));
    const neighbour = start(up(beside), signal);
    try {
      const interrupted = start(up(cut), signal);
      await until(
        'the node of the run to be cut',
        async () =>
          (await labs()).some(({ name, nodes }) => name === cut && nodes.length > 0)
            ? { done: true }
            : { seen: 'no node' },
        { timeoutMs: timeouts.clusterReadyMs, signal },
      );
      interrupted.kill(how as NodeJS.Signals);
      stage.record('interrupted', { exitCode: (await interrupted.ended).exitCode });
      stage.record('left', nodesOf(await labs(), cut));
      const [again, other] = await Promise.all([run(up(cut), signal), neighbour.ended]);
      stage.record('again', { exitCode: again.exitCode, said: again.said });
      stage.record('neighbour', { exitCode: other.exitCode, said: other.said });
      const skipped = await run(
        ['verify', 'IM-02', '--name', stage.names['lab'] ?? '', '--without', 'sidecar', '--json'],
        signal,
      );
      stage.record('skipped', { exitCode: skipped.exitCode, verdict: firstVerdict(skipped).verdict ?? 'none' });
    } finally {
      neighbour.kill('SIGTERM');
      await Promise.all(
        [cut, beside].map((lab) => run(['down', '--name', lab], AbortSignal.timeout(timeouts.tearDownMs))),
      );
    }
    const after = await labs();
    stage.record('after', [...nodesOf(after, cut), ...nodesOf(after, beside)]);
  },
  judge: ({ fact }) => [
    fact('interrupted', exits('interrupted-exits-130', 'up, interrupted', 130)),
    fact('left', nothingLeft('nothing-left-by-interrupt')),
    fact('again', exits('comes-up-again', 'up, again', 0)),
    fact('neighbour', exits('neighbour-undisturbed', 'up, beside', 0)),
    fact('skipped', honest),
    fact('after', nothingLeft('nothing-left-by-down')),
  ],
  twins: [
    {
      name: 'killed',
      sabotage: 'The run is killed with SIGKILL: it cannot clean up, and the next start does it instead.',
      breaks: 'nothing-left-by-interrupt',
      params: { signal: 'SIGKILL' },
    },
  ],
});

const nodesOf = (labs: z.infer<typeof status>, lab: string): string[] =>
  labs.filter(({ name }) => name === lab).flatMap(({ name, nodes }) => [name, ...nodes]);

const exits = (expectation: string, from: string, code: number) =>
  factIs({
    expectation,
    kind: 'process',
    from,
    expected: `exit ${code}`,
    shape: z.object({ exitCode: z.number(), said: z.string().optional() }),
    met: ({ exitCode }) => exitCode === code,
    seen: ({ exitCode, said }) => `exit ${exitCode}${said !== undefined && exitCode !== code ? `: ${said}` : ''}`,
  });

const nothingLeft = (expectation: string) =>
  factIs({
    expectation,
    kind: 'object',
    from: 'status',
    expected: 'no lab, no node',
    shape: z.array(z.string()),
    met: (left) => left.length === 0,
    seen: (left) => left.join(', ') || 'nothing',
  });

const honest = factIs({
  expectation: 'skip-is-no-pass',
  kind: 'process',
  from: 'verify --without sidecar',
  expected: 'exit 0, verdict unsupported',
  shape: z.object({ exitCode: z.number(), verdict: z.string() }),
  met: ({ exitCode, verdict }) => exitCode === 0 && verdict === 'unsupported',
});
