import { docker, withEngine } from '#machine/images/image-store.ts';
import { run } from '#machine/toolchain.ts';

const ctr = ['ctr', '--namespace=k8s.io'];

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
    const importer = [...ctr, 'images', 'import', ...flags, '-'].join(' ');
    const pipe = `docker save "$@" | docker exec --interactive ${this.#container} ${importer}`;
    await withEngine(run('bash', ['-o', 'pipefail', '-c', pipe, 'save', ...references], this.#options));
  }

  /** Pinned images are not collected when the disk fills; nothing could bring them back. */
  async pin(name: string): Promise<void> {
    await this.#ctr('images', 'label', name, 'io.cri-containerd.pinned=pinned');
  }

  /** Gives an image another name in the place of its own; what had that name before loses it. */
  async rename(from: string, to: string): Promise<void> {
    await this.#ctr('images', 'tag', '--force', from, to);
    await this.#ctr('images', 'rm', from);
  }

  /** Names of all images that the node holds. */
  async names(): Promise<string[]> {
    const listed = await this.#ctr('images', 'list', '--quiet');
    return listed.split('\n').filter((name) => name !== '' && !name.startsWith('sha256:'));
  }

  /**
   * Whether the node holds this very content under a name, another one, or none. An engine calls an image by the digest of its
   * configuration, or of what the node would call it by, depending on how it stores images.
   *
   * @param id as the engine gives it: `sha256:…`
   */
  async holds(name: string, id: string): Promise<'same' | 'other' | 'none'> {
    const listed = await this.#ctr('images', 'list', `name==${name}`);
    const digest = /sha256:[0-9a-f]{64}/.exec(listed)?.[0];
    if (digest === undefined) return 'none';
    const manifest = await this.#ctr('content', 'get', digest);
    return digest === id || manifest.includes(id) ? 'same' : 'other';
  }

  #ctr(...command: string[]): Promise<string> {
    return docker(['exec', this.#container, ...ctr, ...command], { signal: this.#options.signal });
  }
}
