import { totalmem } from 'node:os';
import { resolve } from 'node:path';
import { $ } from 'zx/core';
import { diskNeedBytes, diskSpace } from '#machine/disk.ts';
import { askEngine, type EngineInfo } from '#machine/docker.ts';
import { ensureEngine, isLocal, privilegedError } from '#machine/engine.ts';
import { canInstallPackages, installPackages, type MachineOptions } from '#machine/host.ts';
import { inotifyLimits } from '#machine/inotify.ts';
import { privilegedProblem } from '#machine/privileged.ts';
import { examinePrograms } from '#machine/programs.ts';
import { amountFinding, inotifyFinding, isReady, oldest, programFinding, type Finding } from '#machine/requirements.ts';
import { paths } from '#support/paths.ts';
import { timeouts } from '#support/timeouts.ts';

/** The machine as the doctor found it. */
export interface Examination {
  ready: boolean;
  findings: Finding[];
}

/**
 * Looks at the machine and changes nothing, but for one privileged container that does nothing and is removed.
 */
export async function examine(signal?: AbortSignal): Promise<Examination> {
  const [engine, programs, limits, installable] = await Promise.all([
    askEngine(signal),
    examinePrograms(signal),
    inotifyLimits(),
    canInstallPackages(),
  ]);
  const answers = 'silence' in engine ? undefined : engine;
  const folders = [paths.cache, ...(answers ? [answers.dataFolder] : [])].map((folder) => resolve(folder));
  const [spaces, privileged, registry] = await Promise.all([
    diskSpace(folders),
    answers && privilegedFinding(answers, signal),
    answers && registryFinding(signal),
  ]);
  const findings: Finding[] = [
    nodeFinding(),
    ...('silence' in engine ? [noEngine(engine.detail, installable)] : engineFindings(engine)),
    ...(privileged ? [privileged] : []),
    ...programs,
    ...spaces.map(({ path, freeBytes }) =>
      amountFinding(`disk at ${path}`, freeBytes, diskNeedBytes, 'make room there, or set XDG_CACHE_HOME'),
    ),
    amountFinding('memory', answers?.memoryBytes ?? totalmem(), oldest.memoryBytes, 'use a machine with more'),
    inotifyFinding(limits),
    ...(registry ? [registry] : []),
  ];
  return { ready: isReady(findings, registry?.state === 'found'), findings };
}

/**
 * Mends what a program may mend: installs missing Debian packages that a run needs, brings the engine up, raises limits. Says
 * each step. What it cannot mend is left for `examine` to name.
 *
 * @throws NotReadyError when the engine cannot be had or a package cannot be installed
 */
export async function mend(options: MachineOptions): Promise<void> {
  await ensureEngine(options);
  const lacking = (await examinePrograms(options.signal)).filter(
    ({ need, state }) => state !== 'found' && need !== 'optional',
  );
  const packages = lacking.flatMap((finding) => finding.packages ?? []);
  if (packages.length > 0 && (await canInstallPackages())) await installPackages(packages, options);
}

/** This process runs on the Node.js that the bootstrap chose, so this line never fails there. */
function nodeFinding(): Finding {
  const mending = { mend: 'npm start installs one from npm', purpose: 'runs TypeScript as it is' };
  return programFinding({ name: 'node', need: 'required', least: oldest.node, ...mending }, process.version);
}

function noEngine(detail: string, installable: boolean): Finding {
  const local = isLocal(process.env.DOCKER_HOST);
  const remedy = installable
    ? './meshwitness doctor --mend'
    : 'start it, or install it as docs.docker.com/engine/install says';
  return {
    name: 'docker engine',
    need: 'required',
    state: 'missing',
    seen: detail,
    wanted: `${oldest.docker.replace(/(\.0)+$/, '')} or later, for clusters and images`,
    mend: local ? remedy : 'check or unset DOCKER_HOST',
  };
}

function engineFindings(engine: EngineInfo): Finding[] {
  const purpose = 'for clusters and images';
  const cgroup = { name: 'cgroup version', need: 'optional' as const, seen: engine.cgroupVersion };
  return [
    programFinding(
      { name: 'docker engine', need: 'required', least: oldest.docker, purpose, mend: 'apt-get install docker.io' },
      engine.version,
    ),
    { ...cgroup, wanted: '1 or 2; Kubernetes 1.35 and later are set to accept 1', state: 'found' },
  ];
}

async function privilegedFinding(engine: EngineInfo, signal?: AbortSignal): Promise<Finding> {
  const problem = await privilegedProblem(engine, signal);
  const shared = { name: 'privileged containers', need: 'required' as const, wanted: 'kind nodes are such' };
  if (problem === undefined) return { ...shared, state: 'found', seen: `runtime ${engine.defaultRuntime}` };
  return { ...shared, state: 'fails', seen: problem, mend: privilegedError(problem).hint ?? '' };
}

/** Asks for the manifest of the smallest public image: an answer of any kind means that the registry is there. */
async function registryFinding(signal?: AbortSignal): Promise<Finding> {
  const patience = AbortSignal.timeout(timeouts.registryAnswerMs);
  const either = signal ? AbortSignal.any([signal, patience]) : patience;
  const asked = await $({ quiet: true, nothrow: true, signal: either })`docker manifest inspect hello-world`;
  signal?.throwIfAborted();
  const answers = asked.exitCode === 0 || /toomanyrequests|unauthorized|denied|manifest unknown/.test(asked.stderr);
  const shared = {
    name: 'container registry',
    need: 'optional' as const,
    wanted: 'to pull images instead of building them',
  };
  if (answers) return { ...shared, state: 'found', seen: 'answers' };
  return { ...shared, state: 'missing', seen: 'no answer', mend: 'nothing to do: images are built' };
}
