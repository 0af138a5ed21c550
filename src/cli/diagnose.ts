import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import type { Course, ProxyCourse } from '#support/certificates.ts';
import { UsageError } from '#support/errors.ts';
import { diagnosisText, type DiagnosedCourse } from '#cli/diagnose-text.ts';
import type { Place } from '#diagnose/next-step.ts';
import { readRecorded } from '#diagnose/recorded.ts';
import { diagnose } from '#diagnose/stories.ts';
import type { Page } from '#diagnose/watch-namespace.ts';

interface DiagnoseCommandOptions {
  context?: string;
  name?: string;
  namespace?: string;
  workload?: string;
  watch: number;
  reachPods: boolean;
  lifetime?: number;
  from?: string;
  at?: Date;
  save?: string;
  json: boolean;
}

const examples = `
Examples:
  ./meshwitness diagnose certs --context staging --namespace shop
  ./meshwitness diagnose certs --context staging --namespace shop --watch 900 --save shop-certs   over a renewal, and keep it
  ./meshwitness diagnose certs --from shop-certs                                                   the same again, offline
  ./meshwitness diagnose certs --from pages --at 2025-12-18T14:28:00Z                              from pages that curl or istioctl saved

Only reads: it lists pods, and asks each sidecar's admin port through a port-forward. One look tells validity, alarm, and sources
that differ; whether the issuer repeats itself or is silent takes a watch over a renewal, or counters that the proxy keeps.
Exit codes: 0 every certificate rotates, 1 a fault, 2 bad input, 3 undecided or not allowed.`;

/** `diagnose certs`: which story the certificates of a namespace tell. */
export function diagnoseCommand(signal: AbortSignal): Command {
  const certs = new Command('certs')
    .description('are the certificates of these proxies renewed, and if not, whose fault is it')
    .option('--context <name>', 'a cluster of your own, by the context of your kubeconfig')
    .option('--name <lab>', 'a lab of ours, in place of a context')
    .option('--namespace <name>', 'the namespace whose sidecars are asked')
    .option('--workload <name>', 'only this workload')
    .option('--watch <seconds>', 'from the first look to the last', seconds, 3)
    .option('--reach-pods', 'make a handshake with each pod too, from a machine that reaches their addresses', false)
    .option('--lifetime <seconds>', 'validity after issuance, without what the issuer backdates', seconds)
    .option('--from <dir>', 'judge what was recorded, without a cluster')
    .option('--at <time>', 'when recorded pages were taken, ISO 8601; else the time of each file', time)
    .option('--save <dir>', 'keep the course and the pages')
    .option('--json', 'print the rows, stories and reasons as JSON', false)
    .addHelpText('after', examples)
    .action(async (options: DiagnoseCommandOptions) => {
      const told = options.from === undefined ? await live(options, signal) : await recorded(options, options.from);
      console.log(options.json ? JSON.stringify(told.map(listed), undefined, 2) : diagnosisText(told));
      process.exitCode = exitCodeOf(told);
    });
  return new Command('diagnose')
    .description('what is wrong, asked of a running cluster or of recordings, and never changing anything')
    .addCommand(certs);
}

const listed = ({ proxies, ...course }: DiagnosedCourse) => ({
  ...course,
  proxies: proxies.map(({ workload, namespace, pod, envoy, diagnosis }) => ({
    workload,
    namespace,
    pod,
    envoy,
    diagnosis,
  })),
});

async function live(options: DiagnoseCommandOptions, signal: AbortSignal): Promise<DiagnosedCourse[]> {
  const { namespace, workload, watch, reachPods, lifetime, context, name, save } = options;
  if (namespace === undefined) throw new UsageError('--namespace is missing', './meshwitness diagnose certs --help');
  if (options.at) throw new UsageError('--at belongs to --from');
  const wanted = { ...(context !== undefined && { context }), ...(name !== undefined && { name }) };
  // What reaches clusters takes a second to be read in: recordings do without.
  const [{ openCluster }, { watchNamespace }] = await Promise.all([
    import('#cli/open-cluster.ts'),
    import('#diagnose/watch-namespace.ts'),
  ]);
  const cluster = await openCluster(wanted, signal);
  const { course, pages } = await watchNamespace(cluster, {
    namespace,
    ...(workload !== undefined && { workload }),
    watchMs: watch * 1000,
    reachPods,
    lifetimeSeconds: lifetime ?? 0,
    signal,
  });
  if (save !== undefined) await keep(save, course, pages);
  const file = cluster.kubeconfigFile;
  const reach = {
    kubectl: name === undefined ? `--context ${context}` : `--kubeconfig ${file}`,
    ours: name === undefined ? `--context ${context}` : `--name ${name}`,
  };
  return [diagnosed(`namespace ${namespace} of ${name ?? context}`, reach, course, options)];
}

async function recorded(options: DiagnoseCommandOptions, from: string): Promise<DiagnosedCourse[]> {
  const { context, name, namespace, workload, save } = options;
  for (const [flag, value] of Object.entries({ context, name, namespace, save }))
    if (value !== undefined) throw new UsageError(`--${flag} asks a cluster, --from a folder: take one`);
  const all = await readRecorded(from, options.at);
  const told = all
    .map((each) => diagnosed(each.from, { kubectl: '', ours: '--context NAME' }, each.course, options))
    .filter(({ proxies }) => proxies.length > 0);
  if (told.length > 0) return told;
  const known = [...new Set(all.flatMap(({ course }) => course.proxies.map((each) => each.workload)))];
  throw new UsageError(
    `${from} holds no recording of ${workload === undefined ? 'a proxy' : `workload "${workload}": there are ${known.join(', ')}`}`,
  );
}

function diagnosed(
  what: string,
  reach: Pick<Place, 'kubectl' | 'ours'>,
  course: Course,
  { workload, lifetime }: DiagnoseCommandOptions,
): DiagnosedCourse {
  const { start, end, proxies } = course;
  const validFor = lifetime ?? course.lifetimeSeconds;
  const one = (proxy: ProxyCourse) => {
    const own = course.events.filter((each) => each.workload === proxy.workload && each.what === 'restart');
    return diagnose(proxy, {
      ...(validFor > 0 && { lifetimeSeconds: validFor }),
      start,
      ...(own.length > 0 && { restarts: own.map(({ at }) => at) }),
    });
  };
  return {
    what,
    start,
    end,
    proxies: proxies
      .filter((each) => workload === undefined || each.workload === workload)
      .map((proxy) => ({
        ...reach,
        namespace: proxy.namespace,
        workload: proxy.workload,
        pod: proxy.pod,
        ...(proxy.envoy !== undefined && { envoy: proxy.envoy }),
        diagnosis: one(proxy),
      })),
  };
}

/** A course that `--from` reads, and beside it the pages as they came. Envoy itself leaves private keys out of them. */
async function keep(dir: string, course: Course, pages: readonly Page[]): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'course.json'), `${JSON.stringify(course, undefined, 2)}\n`);
  for (const { pod, name, text } of pages) {
    await mkdir(join(dir, pod), { recursive: true });
    await writeFile(join(dir, pod, name), text);
  }
}

function exitCodeOf(told: readonly DiagnosedCourse[]): number {
  const all = told.flatMap(({ proxies }) => proxies.map(({ diagnosis }) => diagnosis));
  if (all.some(({ fault }) => fault)) return 1;
  return all.every(({ story }) => story !== 'undecided') ? 0 : 3;
}

function seconds(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError('expected a number of seconds');
}

function time(text: string): Date {
  const value = new Date(text);
  if (!Number.isNaN(value.getTime())) return value;
  throw new InvalidArgumentError('expected a time such as 2025-12-18T14:28:00Z');
}
