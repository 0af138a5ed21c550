import { docker } from '#machine/images/image-store.ts';
import { CommandError } from '#machine/toolchain.ts';
import { messageOf, NotReadyError } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';

/** A published image: what `docker pull` gets, and the registry that has to answer. */
export interface PullReference {
  /** With the digest, when one is pinned. */
  full: string;
  /** Host, or a word for the engine's default registry. */
  registry: string;
}

/**
 * Where an image is pulled from.
 *
 * @param mirror prefix that takes the place of the registry's host: `host:port/project`
 */
export function pullReference(
  reference: string,
  digest: string | undefined,
  mirror: string | undefined,
): PullReference {
  const slash = reference.indexOf('/');
  const first = reference.slice(0, Math.max(slash, 0));
  // Docker's own rule: a first component with a dot or a colon, or localhost, is a host.
  const hasHost = /[.:]/.test(first) || first === 'localhost';
  const path = hasHost ? reference.slice(slash + 1) : reference;
  const place = mirror === undefined ? reference : `${mirror.replace(/\/+$/, '')}/${path}`;
  const registry = mirror?.split('/')[0] ?? (hasHost ? first : 'the default registry');
  return { full: digest === undefined ? place : `${place}@${digest}`, registry };
}

/** Pulls, and remembers for the length of a run which registries did not answer. */
export class Puller {
  readonly #down = new Map<string, string>();

  /**
   * Pulls one image.
   *
   * @throws NotReadyError in one line: the registry does not answer, or has no such image or digest
   */
  async pull(from: PullReference, signal?: AbortSignal): Promise<void> {
    const down = this.#down.get(from.registry);
    if (down !== undefined) throw new NotReadyError(down);
    // The engine prints its first line once the registry has sent the manifest, which is small: one that is there
    // answers at once. It is the engine that asks, so its own proxy and mirror settings count.
    const silence = new AbortController();
    const timer = AbortSignal.timeout(timeouts.registryAnswerMs);
    let answered = false;
    timer.addEventListener('abort', () => answered || silence.abort(timer.reason), { once: true });
    const either = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
    try {
      await docker(['pull', from.full], { signal: either, onOutput: () => (answered = true) });
    } catch (error) {
      signal?.throwIfAborted();
      const silent = silence.signal.aborted;
      const reason = silent ? `no answer in ${timeouts.registryAnswerMs / 1000} s` : reasonOf(error);
      if (!silent && !isUnreachable(error))
        throw new NotReadyError(`cannot pull ${from.full}: ${reason}`, undefined, error);
      const line = `${from.registry} cannot be reached: ${reason}`;
      this.#down.set(from.registry, line);
      throw new NotReadyError(line, undefined, error);
    }
  }
}

/** Whether a command failed because a host did not answer, rather than because it answered no. */
export function isUnreachable(error: unknown): boolean {
  const text = error instanceof CommandError ? error.output : messageOf(error);
  return /no such host|connection refused|i\/o timeout|timeout exceeded|network is unreachable|no route to host|temporary failure in name|could not resolve|TLS handshake|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|failed getting release file/i.test(
    text,
  );
}

function reasonOf(error: unknown): string {
  const text = error instanceof CommandError ? error.output : messageOf(error);
  const line = text.split('\n').findLast((each) => each.trim() !== '') ?? '';
  return line.replace(/^.*(?=dial tcp|manifest|unauthorized|denied)/i, '').trim() || 'no reason given';
}
