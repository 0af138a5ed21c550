import { $ } from 'zx/core';
import { findProgram } from '#machine/host.ts';
import { oldest, programFinding, type Finding, type ProgramNeed } from '#machine/requirements.ts';

interface Program extends ProgramNeed {
  /** Names it may have on the PATH; its own name when absent. */
  commands?: string[];
  /** What makes it print its version. */
  args: string[];
}

const debian = (...packages: string[]): { mend: string; packages: string[] } => ({
  mend: `apt-get install ${packages.join(' ')}`,
  packages,
});

/** Programs that are looked for on the PATH, in the order of the doctor's table. */
const programs: Program[] = [
  { name: 'npm', need: 'required', least: oldest.npm, args: ['--version'], purpose: 'for packages', ...debian('npm') },
  {
    name: 'go',
    need: 'build',
    least: oldest.go,
    args: ['version'],
    purpose: 'to build what cannot be pulled',
    mend: 'install it from your distribution (golang-go, if new enough) or as go.dev/doc/install says',
  },
  {
    name: 'mmdebstrap',
    need: 'build',
    args: ['--version'],
    purpose: 'for the root file systems of images',
    ...debian('mmdebstrap', 'debian-archive-keyring'),
  },
  {
    name: 'python3 with pip',
    need: 'build',
    commands: ['python3'],
    args: ['-m', 'pip', '--version'],
    purpose: 'for the wheel that holds Envoy',
    ...debian('python3-pip'),
  },
  { name: 'gcc', need: 'build', args: ['--version'], purpose: 'for the pause image', ...debian('gcc', 'libc6-dev') },
  {
    name: 'chromium',
    need: 'optional',
    commands: ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'],
    args: ['--version'],
    purpose: 'for verify --browser chromium, and for tests',
    ...debian('chromium'),
  },
  {
    name: 'java',
    need: 'optional',
    args: ['--version'],
    purpose: 'for allure-commandline; allure 3 needs none',
    ...debian('default-jre-headless'),
  },
];

/** Looks at every program, in parallel. */
export function examinePrograms(signal?: AbortSignal): Promise<Finding[]> {
  return Promise.all(programs.map(async (program) => programFinding(program, await printedVersion(program, signal))));
}

async function printedVersion({ name, commands, args }: Program, signal?: AbortSignal): Promise<string | undefined> {
  const file = await findProgram(...(commands ?? [name]));
  if (file === undefined) return undefined;
  const run = $({ quiet: true, nothrow: true, ...(signal && { signal }) });
  const { exitCode, stdout } = await run`${file} ${args}`;
  signal?.throwIfAborted();
  return exitCode === 0 ? stdout : undefined;
}
