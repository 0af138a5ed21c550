// Proves that one check can be reproduced alone, that a failure leaves what is needed to read it, and whose clusters stay untouched.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { kubeconfigOf } from '#lab/record.ts';
import { ownerLabel } from '#support/paths.ts';
import { check } from '#verdict/check.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import type { Stage } from '#verdict/stage.ts';
import { firstVerdict, run } from './command.ts';

const foreign = 'foreign';
/** A namespace of the scene of GS-02. Without our label it is somebody else's. */
const theirs = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'semaphore-outside' } };

export default check({
  id: 'XC-03',
  title: 'Local reproduction',
  level: 'core',
  system: 'harness',
  tags: ['reproduction'],
  needs: ['istio', 'sidecar'],
  alone: true,
  story: {
    setUp: 'The lab of this run, let go by it.',
    sends:
      '`verify GS-02` twice in processes of their own, `replay` of what the first left, then `verify GS-02` under a sabotage, so that it fails.',
    expects:
      'The same verdict each time; the failure exits 1 and leaves the lab and a bundle with proxy dumps, logs, events and manifests. A context whose namespaces do not carry our label is refused, with nothing changed in it.',
    why: 'A verdict that nobody can reproduce at a desk is a rumour, and a harness that writes into a foreign cluster is an incident.',
  },
  params: { target: 'lab' },
  async collect(stage, { target }) {
    const where = target === 'lab' ? ['--name', stage.names['lab'] ?? ''] : ['--context', foreign];
    await using kubeconfig = target === 'lab' ? undefined : await foreignContext(stage);
    const verify = (...more: string[]) =>
      run(['verify', 'GS-02', ...where, '--json', ...more], stage.signal, kubeconfig?.env);
    const first = await verify();
    const { dir, verdict } = firstVerdict(first);
    stage.record('first', { exitCode: first.exitCode, verdict: verdict ?? 'none', said: first.said });
    const second = await verify();
    stage.record('second', {
      exitCode: second.exitCode,
      verdict: firstVerdict(second).verdict ?? 'none',
      said: second.said,
    });
    if (dir === undefined) return;
    const { exitCode } = await run(['replay', dir], stage.signal);
    stage.record('replay', { exitCode });
    const failed = await verify('--sabotage', 'no-endpoints');
    const { verdict: red, dump, dir: folder } = firstVerdict(failed);
    const files =
      dump === undefined || folder === undefined ? [] : await readdir(resolve(folder, dump), { recursive: true });
    stage.record('failure', { exitCode: failed.exitCode, verdict: red ?? 'none', files });
    const { stdout } = await run(['status', '--json'], stage.signal);
    stage.record('labs', JSON.parse(stdout));
    stage.record('lab', stage.names['lab'] ?? '');
  },
  judge: ({ evidence, fact }) => [
    fact('first', passed('verify')),
    fact('second', passed('verify, again')),
    fact('replay', replayed),
    fact('failure', failedLoudly),
    fact('failure', bundled),
    fact('labs', stillUp(evidence.facts['lab'])),
  ],
  twins: [
    {
      name: 'foreign-context',
      sabotage:
        'The reproduction is pointed at a context with namespaces of the same names that are not ours: it is refused.',
      breaks: 'same-verdict',
      params: { target: foreign },
    },
  ],
});

const ended = z.object({ exitCode: z.number(), verdict: z.string(), said: z.string().optional() });

const passed = (from: string) =>
  factIs({
    expectation: 'same-verdict',
    kind: 'process',
    from,
    expected: 'exit 0, verdict pass',
    shape: ended,
    met: ({ exitCode, verdict }) => exitCode === 0 && verdict === 'pass',
    seen: ({ exitCode, verdict, said }) => `exit ${exitCode}, verdict ${verdict}${exitCode > 1 ? `: ${said}` : ''}`,
  });

const replayed = factIs({
  expectation: 'replayed-alike',
  kind: 'process',
  from: 'replay',
  expected: 'exit 0: the evidence gives the same verdict without a cluster',
  shape: z.object({ exitCode: z.number() }),
  met: ({ exitCode }) => exitCode === 0,
});

const failedLoudly = factIs({
  expectation: 'failure-exits-1',
  kind: 'process',
  from: 'verify --sabotage',
  expected: 'exit 1, verdict fail',
  shape: ended,
  met: ({ exitCode, verdict }) => exitCode === 1 && verdict === 'fail',
  seen: ({ exitCode, verdict }) => `exit ${exitCode}, verdict ${verdict}`,
});

const bundle = ['config_dump', 'clusters', 'listeners', 'stats', 'certs', 'log', 'events', 'yaml'];

const bundled = factIs({
  expectation: 'failure-bundle',
  kind: 'object',
  from: 'report folder',
  expected: `files of ${bundle.join(', ')}`,
  shape: z.object({ files: z.array(z.string()) }),
  met: ({ files }) => bundle.every((each) => files.some((file) => file.includes(each))),
  seen: ({ files }) =>
    `${files.length} files, without ${bundle.filter((each) => !files.some((file) => file.includes(each))).join(', ') || 'nothing'}`,
});

const stillUp = (lab: unknown) =>
  factIs({
    expectation: 'lab-kept',
    kind: 'object',
    from: 'status',
    expected: `lab ${JSON.stringify(lab)} is up`,
    shape: z.array(z.object({ name: z.string(), state: z.string() })),
    met: (labs) => labs.some(({ name, state }) => name === lab && state === 'up'),
  });

/**
 * Dresses the lab up as a cluster of somebody else's: a kubeconfig with a context of another name, and a namespace that has
 * lost our label. Put right again at the end.
 */
async function foreignContext({ names }: Stage): Promise<AsyncDisposable & { env: Record<string, string> }> {
  const own = kubeconfigOf(names['lab'] ?? '', 'main');
  const file = `${own}.${foreign}`;
  const config = parse(await readFile(own, 'utf8')) as { contexts: { name: string }[]; 'current-context': string };
  for (const context of config.contexts) context.name = foreign;
  await writeFile(file, stringify({ ...config, 'current-context': foreign }), { mode: 0o600 });
  // Read here, not above: whoever only lists the checks need not wait for the Kubernetes client.
  const { Cluster } = await import('#lab/cluster.ts');
  const cluster = Cluster.fromFile('main', own);
  await cluster.apply([theirs]);
  return {
    env: { KUBECONFIG: file },
    [Symbol.asyncDispose]: async () => {
      await cluster.apply([{ ...theirs, metadata: { ...theirs.metadata, labels: { [ownerLabel]: 'meshwitness' } } }]);
      await rm(file, { force: true });
    },
  };
}
