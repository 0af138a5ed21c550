import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { $ } from 'zx/core';
import type { DiagnosedCourse } from '#cli/diagnose-text.ts';
import { run, start, type Ended, type Started } from '#cli/testing/command.ts';
import { readerContext, readerRules } from '#cli/testing/reader.ts';
import type { Preflight, PreflightFacts } from '#gate/preflight.ts';
import { Cluster } from '#lab/cluster.ts';
import { nodeName } from '#lab/engine-objects.ts';
import { kubeconfigOf } from '#lab/record.ts';
import { paths } from '#support/paths.ts';
import { loadCatalogue } from '#verdict/catalogue.ts';
import { removeLeftovers } from '#verdict/leftovers.ts';
import type { RunRecord, VerdictLine } from '#verdict/result.ts';

const lab = 'test-verify';
const verify = (...args: string[]): string[] => ['verify', ...args, '--name', lab];

interface Printed extends RunRecord {
  dir: string;
  verdicts: VerdictLine[];
}
const made: string[] = [];
const printed = ({ stdout }: Ended): Printed => {
  const found = JSON.parse(stdout) as Printed;
  made.push(found.dir);
  return found;
};

/** The folder that a run said it writes to, which a killed one says too. */
async function folderOf(started: Started): Promise<string> {
  const [, folder = ''] = await started.said(/verdicts go to (\S+)/);
  const dir = resolve(paths.root, folder);
  made.push(dir);
  return dir;
}

const linesOf = async (dir: string): Promise<VerdictLine[]> =>
  (await readFile(join(dir, 'verdicts.ndjson'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as VerdictLine);

/** What checks left in the cluster: removed by asking. */
const leftovers = async (): Promise<string[]> =>
  removeLeftovers(Cluster.fromFile('main', kubeconfigOf(lab, 'main')), await loadCatalogue());

let first: Ended;
beforeAll(async () => {
  first = await run(...verify('GS-02', '--twins', '--keep', '--json'));
});

afterAll(async () => {
  await run('down', '--name', lab);
  await Promise.all(made.map((dir) => rm(dir, { recursive: true, force: true })));
});

describe('verify GS-02 --twins', () => {
  it('passes on at least three witnesses, and its twin is caught', () => {
    expect(first).toMatchObject({ exitCode: 0 });
    const { verdicts, killScore, products, capabilities } = printed(first);
    expect(verdicts).toEqual([
      expect.objectContaining({ id: 'GS-02', verdict: 'pass', product: 'istio-current' }),
      expect.objectContaining({ id: 'GS-02', twin: 'no-endpoints', verdict: 'caught' }),
    ]);
    expect(verdicts[0]?.witnesses.length).toBeGreaterThanOrEqual(3);
    expect(killScore).toEqual({ caught: 1, total: 1 });
    expect(products.map(({ part }) => part)).toEqual(expect.arrayContaining(['kind', 'istio-current', 'fixture']));
    expect(capabilities['istio-current']).toEqual(expect.arrayContaining(['istio', 'sidecar']));
  });

  it('leaves a folder with every report, which replay judges the same', async () => {
    const { dir } = printed(first);
    expect(await readdir(dir)).toEqual(
      expect.arrayContaining(['run.json', 'verdicts.ndjson', 'evidence', 'allure-results', 'junit.xml', 'index.html']),
    );
    const replayed = await run('replay', dir, '--json');
    expect(replayed.exitCode).toBe(0);
    expect(JSON.parse(replayed.stdout)).toEqual([
      expect.objectContaining({ id: 'GS-02', verdict: 'pass', same: true }),
      expect.objectContaining({ twin: 'no-endpoints', verdict: 'caught', same: true }),
    ]);
  });
});

describe('a failure', () => {
  it('exits 1 with a dump of the scene that holds no key', async () => {
    const ended = await run(...verify('GS-02', '--sabotage', 'no-endpoints', '--json'));
    expect(ended.exitCode).toBe(1);
    const { dir, verdicts } = printed(ended);
    expect(verdicts).toEqual([expect.objectContaining({ id: 'GS-02', verdict: 'fail', attempts: 2 })]);
    const dump = join(dir, verdicts[0]?.dump ?? 'no dump');
    const files = await readdir(dump, { recursive: true, withFileTypes: true });
    const names = files.map(({ name }) => name);
    for (const wanted of [
      'config_dump.json',
      'clusters.txt',
      'listeners.txt',
      'stats.txt',
      'certs.json',
      'applied.yaml',
    ])
      expect(names).toContain(wanted);
    expect(names).toEqual(
      expect.arrayContaining(['istio-proxy.log', 'semaphore.events.txt', 'semaphore.objects.yaml']),
    );
    expect(names).not.toContain('missing.txt');
    const whole = await Promise.all(
      files.filter((each) => each.isFile()).map((each) => readFile(join(each.parentPath, each.name), 'utf8')),
    );
    expect(whole.join('\n')).not.toMatch(/PRIVATE KEY-----\s*\S/);
  });

  it('of a capability that is missing is a verdict, and no failure', async () => {
    const ended = await run(...verify('GS-02', '--without', 'sidecar', '--json'));
    expect(ended.exitCode).toBe(0);
    expect(printed(ended).verdicts).toEqual([
      expect.objectContaining({ id: 'GS-02', verdict: 'unsupported', reason: expect.stringContaining('sidecar') }),
    ]);
  });
});

describe('preflight strict, on the lab that was kept', () => {
  const preflight = (...args: string[]) => run('preflight', 'strict', '--namespace', 'semaphore', ...args);
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'preflight-'));
    vi.stubEnv('KUBECONFIG', join(folder, 'config'));
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });

  it('is NO-GO after the stop-gap of GS-02, and names the gateway', async () => {
    const { exitCode, stdout } = await preflight('--name', lab, '--window', '60', '--json');
    expect(exitCode).toBe(1);
    const { verdict, plaintext } = JSON.parse(stdout) as PreflightFacts & Preflight;
    expect(verdict).toBe('NO-GO');
    const pair = { source: 'semaphore/envoy-gateway', destination: 'auth-identity', port: 8081, outcome: 'accepted' };
    expect(plaintext).toContainEqual(expect.objectContaining(pair));
  });

  it('does with rights to read alone; without logs it ends with one line', async () => {
    const cluster = Cluster.fromFile('main', kubeconfigOf(lab, 'main'));
    await readerContext(cluster, 'semaphore', join(folder, 'config'));
    expect(await preflight('--context', 'reader', '--window', '60')).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('NO-GO'),
    });
    const blind = readerRules.map((rule) => ({
      ...rule,
      resources: rule.resources.filter((each) => each !== 'pods/log'),
    }));
    await readerContext(cluster, 'semaphore', join(folder, 'config'), blind);
    expect(await preflight('--context', 'reader')).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('meshwitness: context reader may not read logs in namespace semaphore'),
    });
  });

  it.each([
    [['--name', lab, '--namespace', 'nowhere'], 'has no namespace "nowhere"'],
    [['--name', lab, '--namespace', 'kube-system'], 'has no pod with a sidecar'],
    [['--name', 'no-such-lab'], 'no lab "no-such-lab" stands'],
    [['--context', 'no-such-context'], 'no context "no-such-context"'],
  ])('%j ends with one line', async (args, line) => {
    const { exitCode, stderr } = await preflight(...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(line);
  });
});

describe('diagnose certs, on the lab that was kept', () => {
  const certs = (...args: string[]) => run('diagnose', 'certs', '--namespace', 'semaphore', ...args);
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'diagnose-'));
    vi.stubEnv('KUBECONFIG', join(folder, 'config'));
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });

  it('reads dump and /certs of every sidecar, which agree, and judges the same from what it saved', async () => {
    const live = await certs('--name', lab, '--save', join(folder, 'saved'), '--json');
    const again = await run('diagnose', 'certs', '--from', join(folder, 'saved'), '--json');
    expect([live.exitCode, again.exitCode]).toEqual([3, 3]);
    const [told] = JSON.parse(live.stdout) as DiagnosedCourse[];
    expect(told?.proxies.length).toBeGreaterThan(1);
    for (const { diagnosis, envoy } of told?.proxies ?? []) {
      expect(diagnosis).toMatchObject({ story: 'undecided', comparison: { agreement: 'agree' } });
      expect(envoy).toMatch(/^1\.\d+\.\d+$/);
    }
    const [read] = JSON.parse(again.stdout) as DiagnosedCourse[];
    expect(read?.proxies.map(({ diagnosis }) => diagnosis)).toEqual(told?.proxies.map(({ diagnosis }) => diagnosis));
  });

  it('does with rights to read pods and to forward ports; without the latter it ends with one line', async () => {
    const cluster = Cluster.fromFile('main', kubeconfigOf(lab, 'main'));
    await readerContext(cluster, 'semaphore', join(folder, 'config'));
    expect(await certs('--context', 'reader')).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('meshwitness: context reader may not forward ports in namespace semaphore'),
    });
    const forwards = { apiGroups: [''], resources: ['pods/portforward'], verbs: ['get', 'create'] };
    await readerContext(cluster, 'semaphore', join(folder, 'config'), [...readerRules, forwards]);
    expect(await certs('--context', 'reader')).toMatchObject({
      exitCode: 3,
      stdout: expect.stringContaining('UNDECIDED'),
    });
  });

  it.each([
    [['--name', lab, '--namespace', 'kube-system'], 'has no pod with a sidecar'],
    [['--context', 'no-such-context'], 'no context "no-such-context"'],
  ])('%j ends with one line', async (args, line) => {
    const { exitCode, stderr } = await certs(...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(line);
  });
});

describe('a run that is cut off', () => {
  it('refuses a second one on its lab, and ends on Ctrl-C with its verdicts and without its objects', async () => {
    const started = start(...verify('GS-01', 'GS-02', '--twins', '--json'));
    const dir = await folderOf(started);
    await started.said(/✓ pass {2}GS-01/);
    const second = await run(...verify('GS-02'));
    expect(second).toMatchObject({ exitCode: 3, stderr: expect.stringMatching(`lab ${lab} is in use by another run`) });
    started.kill('SIGINT');
    const { exitCode } = await started.ended;
    expect(exitCode).toBe(130);
    expect((await linesOf(dir))[0]).toMatchObject({ id: 'GS-01', verdict: 'pass' });
    expect(JSON.parse(await readFile(join(dir, 'run.json'), 'utf8'))).toMatchObject({ exitCode: 130 });
    expect(await leftovers()).toEqual([]);
  });

  it('by kill -9 keeps its verdicts; the next one cleans up and passes', async () => {
    const started = start(...verify('GS-01', 'GS-02', '--twins'));
    const dir = await folderOf(started);
    await started.said(/✓ pass {2}GS-01/);
    started.kill('SIGKILL');
    await started.ended;
    expect((await linesOf(dir))[0]).toMatchObject({ id: 'GS-01', verdict: 'pass' });
    const next = await run(...verify('GS-02', '--json'));
    expect(next).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('was killed') });
    expect(printed(next).verdicts[0]).toMatchObject({ id: 'GS-02', verdict: 'pass' });
    expect(await leftovers()).toEqual([]);
  });

  it('by the end of its node ends with one line that says so', async () => {
    const started = start(...verify('GS-01', 'GS-02', '--twins'));
    const dir = await folderOf(started);
    await started.said(/✓ pass {2}GS-01/);
    await $`docker kill ${nodeName(lab, 'main')}`.quiet();
    const { exitCode, stderr } = await started.ended;
    expect(exitCode).toBe(3);
    expect(stderr).toContain(`meshwitness: node ${nodeName(lab, 'main')} of lab ${lab} stopped`);
    expect((await linesOf(dir))[0]).toMatchObject({ id: 'GS-01', verdict: 'pass' });
    expect(JSON.parse(await readFile(join(dir, 'run.json'), 'utf8'))).toMatchObject({ exitCode: 3 });
  });
});
