import { docker, withEngine } from '#machine/images/image-store.ts';
import { run } from '#machine/toolchain.ts';

const ctr = ['ctr', '--namespace=k8s.io', 'images'];

interface ContainerdOptions {
  signal?: AbortSignal | undefined;
  /** Name of the log file that keeps the whole output. */
  log?: string;
}

/** Images in the containerd of a node, which is a container of the engine, running. */
export class NodeImages {
  readonly #container: string;
  readonly #options: ContainerdOptions;

  constructor(container: string, options: ContainerdOptions = {}) {
    this.#container = container;
    this.#options = options;
  }

  /**
   * Streams images of the engine into the node, in one archive, so that layers they share go once.
   *
   * @param references as the engine knows them; the node knows them by the same names then
   * @param flags of `ctr images import`
   */
  async import(references: readonly string[], flags: readonly string[] = []): Promise<void> {
    const importer = [...ctr, 'import', ...flags, '-'].join(' ');
    const pipe = `docker save "$@" | docker exec --interactive ${this.#container} ${importer}`;
    await withEngine(run('bash', ['-o', 'pipefail', '-c', pipe, 'save', ...references], this.#options));
  }

  /** Pinned images are not collected when the disk fills; nothing could bring them back. */
  async pin(name: string): Promise<void> {
    await this.#ctr('label', name, 'io.cri-containerd.pinned=pinned');
  }

  /** Gives an image another name in the place of its own; what had that name before loses it. */
  async rename(from: string, to: string): Promise<void> {
    await this.#ctr('tag', '--force', from, to);
    await this.#ctr('rm', from);
  }

  /** Names of all images that the node holds. */
  async names(): Promise<string[]> {
    const listed = await this.#ctr('list', '--quiet');
    return listed.split('\n').filter((name) => name !== '' && !name.startsWith('sha256:'));
  }

  /**
   * What the node holds under a name: digests of index, manifest and configuration in one text, undefined for nothing. The id
   * that an engine gives an image is one of them, whatever its way of storing images.
   */
  async digests(name: string): Promise<string | undefined> {
    return this.#ctr('inspect', name).catch((error: unknown) => {
      this.#options.signal?.throwIfAborted();
      if (/not found/i.test(String((error as { output?: string }).output))) return undefined;
      throw error;
    });
  }

  #ctr(...command: string[]): Promise<string> {
    return docker(['exec', this.#container, ...ctr, ...command], { signal: this.#options.signal });
  }
}
