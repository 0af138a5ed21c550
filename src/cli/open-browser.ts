import { say } from '#cli/progress.ts';
import { ensureChromium } from '#machine/chromium.ts';
import { Chromium } from '#probe/chromium/chromium.ts';

/**
 * A Chromium that runs, so that no check waits for one, and its version is known.
 *
 * @throws NotReadyError when there is none, or it does not start
 */
export async function openChromium(signal: AbortSignal): Promise<Chromium> {
  const browser = await Chromium.launch(await ensureChromium({ say, signal }));
  say(`${browser.name} makes the visits of login checks`);
  return browser;
}
