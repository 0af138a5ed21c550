import { access, constants, readFile } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';
import { $, type ProcessOutput } from 'zx/core';
import { NotReadyError } from '#support/errors.ts';

/** Told each step in a line that a person reads. */
export type Say = (line: string) => void;

/** What the helpers of this folder take: a way to stop them, and somebody to tell. */
export interface MachineOptions {
  signal?: AbortSignal;
  say: Say;
}

/** True for root, which alone may install packages and start an engine. */
export const isRoot = (): boolean => process.getuid?.() === 0;

/** Absolute path of a program on the PATH or in the folders where root's programs lie. */
export async function findProgram(...names: string[]): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  for (const name of names) {
    for (const folder of folders.filter((path) => path !== '')) {
      const file = resolve(folder, name);
      const found = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (found) return file;
    }
  }
  return undefined;
}

/** Whether Debian packages can be installed here: root, on Debian or a child of it. */
export async function canInstallPackages(): Promise<boolean> {
  return isRoot() && isDebianLike(await readFile('/etc/os-release', 'utf8').catch(() => ''));
}

/** @param osRelease text of /etc/os-release */
export function isDebianLike(osRelease: string): boolean {
  const ids = [...osRelease.matchAll(/^ID(?:_LIKE)?=["']?([^"'\n]*)/gm)].flatMap(([, value = '']) => value.split(' '));
  return ids.includes('debian') || ids.includes('ubuntu');
}

/** True where systemd runs the machine, and so its services. */
export async function hasSystemd(): Promise<boolean> {
  return access('/run/systemd/system').then(
    () => true,
    () => false,
  );
}

/**
 * Installs Debian packages, with fresh lists, waiting for another apt if one runs.
 *
 * @throws NotReadyError with apt's own reason
 */
export async function installPackages(packages: string[], { say, signal }: MachineOptions): Promise<void> {
  say(`installing ${packages.join(', ')} (apt-get install)`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const apt = $({ quiet: true, nothrow: true, env, stdio: ['ignore', 'pipe', 'pipe'], ...(signal && { signal }) });
  const patient = ['-o', 'DPkg::Lock::Timeout=120', '-qq'];
  // Old lists name files that the mirror no longer has; a failed update alone is no reason to stop.
  const update = await apt`apt-get ${patient} update`;
  const install = await apt`apt-get ${patient} install --yes --no-install-recommends ${packages}`;
  signal?.throwIfAborted();
  if (install.exitCode === 0) return;
  throw new NotReadyError(
    `cannot install ${packages.join(', ')}: ${aptReason(install) ?? aptReason(update) ?? `apt-get ended with ${install.exitCode}`}`,
    `apt-get update && apt-get install ${packages.join(' ')}`,
  );
}

function aptReason({ stderr }: ProcessOutput): string | undefined {
  return /^[EW]: (.*)$/m.exec(stderr)?.[1];
}
