import { canInstallPackages, findProgram, installPackages, type MachineOptions } from '#machine/host.ts';
import { NotReadyError } from '#support/errors.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** Absolute path of a Chromium on this machine, for playwright's `executablePath`. */
export const findChromium = (): Promise<string | undefined> => findProgram(...names);

/**
 * A Chromium for logins and for the tests of the report page: the machine's own, else Debian's.
 *
 * @returns its absolute path
 * @throws NotReadyError when there is none and none can be installed
 */
export async function ensureChromium(options: MachineOptions): Promise<string> {
  const found = await findChromium();
  if (found !== undefined) return found;
  if (await canInstallPackages()) await installPackages(['chromium'], options);
  const installed = await findChromium();
  if (installed !== undefined) return installed;
  throw new NotReadyError('no Chromium found, and none can be installed here', 'apt-get install chromium');
}
