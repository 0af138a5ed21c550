import { $, type ProcessOutput } from 'zx/core';
import { NotReadyError } from '#support/errors.ts';

/** What an engine says of itself. */
export interface EngineInfo {
  /** Of the engine, such as 20.10.24; Debian's suffixes are left out. */
  version: string;
  /** Stays the same as long as the engine keeps its data folder. */
  id: string;
  /** Such as x86_64 or aarch64: that of the engine, which may be another machine. */
  architecture: string;
  cgroupVersion: string;
  storageDriver: string;
  defaultRuntime: string;
  /** Where its images lie, on its own machine. */
  dataFolder: string;
  cpus: number;
  memoryBytes: number;
}

interface RawInfo {
  ID?: string;
  ServerVersion?: string;
  Architecture?: string;
  CgroupVersion?: string;
  Driver?: string;
  DefaultRuntime?: string;
  DockerRootDir?: string;
  NCPU?: number;
  MemTotal?: number;
  ServerErrors?: string[];
}

/** Why no engine can be used, in the words that decide what to do next. */
export type Silence = 'no client' | 'no engine' | 'not allowed';

/**
 * Asks the engine that the docker client would use (DOCKER_HOST and docker contexts count).
 *
 * @returns what it is, or why it does not answer with the client's own words
 */
export async function askEngine(signal?: AbortSignal): Promise<EngineInfo | { silence: Silence; detail: string }> {
  const run = $({ quiet: true, nothrow: true, ...(signal && { signal }) });
  const output = await run`docker info --format ${'{{json .}}'}`;
  signal?.throwIfAborted();
  return readInfo(output.exitCode, output.stdout, output.stderr);
}

/** Reads what `docker info --format '{{json .}}'` said. A client without an engine prints JSON too, with its complaint in it. */
export function readInfo(
  exitCode: number | null,
  stdout: string,
  stderr: string,
): EngineInfo | { silence: Silence; detail: string } {
  const raw = parse(stdout);
  if (!raw?.ServerVersion) {
    const detail = firstLine([...(raw?.ServerErrors ?? []), stderr].join('\n'));
    if (exitCode === 127 || detail.endsWith('not found')) return { silence: 'no client', detail };
    return { silence: /permission denied/i.test(detail) ? 'not allowed' : 'no engine', detail };
  }
  return {
    version: raw.ServerVersion.replace(/[+~].*$/, ''),
    id: raw.ID ?? '',
    architecture: raw.Architecture ?? '',
    cgroupVersion: raw.CgroupVersion ?? '1',
    storageDriver: raw.Driver ?? '',
    defaultRuntime: raw.DefaultRuntime ?? '',
    dataFolder: raw.DockerRootDir ?? '',
    cpus: raw.NCPU ?? 0,
    memoryBytes: raw.MemTotal ?? 0,
  };
}

const goneWords =
  /cannot connect to the docker daemon|error during connect|is the docker daemon running|docker\.sock: connect: (connection refused|no such file)/i;

/**
 * Turns an error of any docker command into one line for the person, when its cause is that the engine went away
 * (killed, stopped, machine restarted). To be asked once, where the command line ends.
 */
export function engineGone(error: unknown): NotReadyError | undefined {
  const { stderr, message } = (error ?? {}) as Partial<ProcessOutput & Error>;
  return goneWords.test(`${typeof stderr === 'string' ? stderr : ''}\n${message ?? ''}`) ? goneError(error) : undefined;
}

/**
 * The same, of a failure whose words need not tell, as a client that is cut off in the middle says no more than "unexpected
 * EOF": the engine is asked.
 */
export async function askWhetherGone(error: unknown): Promise<NotReadyError | undefined> {
  const told = engineGone(error);
  if (told) return told;
  const engine = await askEngine();
  return 'silence' in engine && engine.silence === 'no engine' ? goneError(error) : undefined;
}

const goneError = (cause: unknown): NotReadyError =>
  new NotReadyError(
    'the Docker engine went away while it was needed',
    'type the same command again: it starts the engine and carries on (./meshwitness doctor shows what is wrong)',
    cause,
  );

function parse(stdout: string): RawInfo | undefined {
  try {
    return JSON.parse(stdout) as RawInfo;
  } catch {
    return undefined;
  }
}

function firstLine(text: string): string {
  return (
    text
      .split('\n')
      .find((line) => line.trim() !== '')
      ?.trim() ?? ''
  );
}
