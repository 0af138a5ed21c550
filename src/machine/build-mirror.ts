import { readFile } from 'node:fs/promises';
import { findProgram } from '#machine/host.ts';
import { run } from '#machine/toolchain.ts';
import { NotReadyError } from '#support/errors.ts';

/**
 * The Debian mirror that this machine uses; on a machine that is not Debian, mmdebstrap's default.
 * No mirror is written down here.
 */
export async function debianMirror(signal?: AbortSignal): Promise<string> {
  const format = '$(ORIGIN) $(RELEASE) $(REPO_URI)';
  const targets = await run('apt-get', ['indextargets', '--format', format], { signal }).catch(() => '');
  const own = targets
    .split('\n')
    .map((line) => line.split(' '))
    .find(
      ([origin, release, uri]) =>
        origin === 'Debian' && uri !== undefined && !/security|updates|backports/.test(`${release} ${uri}`),
    );
  if (own?.[2] !== undefined) return own[2];
  const script = await readFile((await findProgram('mmdebstrap')) ?? '', 'utf8').catch(() => '');
  const fallback = /^ *my \$mirror += '(?<mirror>[^']+)'/m.exec(script)?.groups?.mirror;
  if (fallback !== undefined) return fallback;
  throw new NotReadyError('no Debian mirror is configured on this machine', 'apt-get install mmdebstrap');
}
