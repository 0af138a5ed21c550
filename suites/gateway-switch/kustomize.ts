import { glob, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { $ } from 'zx/core';
import type { Manifest } from '#lab/cluster.ts';
import { NotReadyError } from '#support/errors.ts';
import { paths } from '#support/paths.ts';

const repository = resolve(paths.root, 'fixtures/repositories/semaphore');

/** A checkout of the product's repository, with the names of this run filled in. */
export class Checkout implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param names what `${namespace}` and `${outside}` stand for */
  static async of(names: Record<string, string>): Promise<Checkout> {
    const folder = await mkdtemp(join(tmpdir(), 'meshwitness-repo-'));
    for await (const entry of glob('**/*.yaml', { cwd: repository })) {
      const text = await readFile(resolve(repository, entry), 'utf8');
      const target = resolve(folder, entry);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(
        target,
        text.replaceAll(/\$\{(\w+)\}/g, (whole, name: string) => names[name] ?? whole),
      );
    }
    return new Checkout(folder);
  }

  read(file: string): Promise<string> {
    return readFile(resolve(this.#folder, file), 'utf8');
  }

  /**
   * Renders one kustomization as `kubectl kustomize` does, with the kubectl in a node of the lab.
   *
   * @param node container name of the node
   * @throws NotReadyError with kustomize's own words when it does not render
   */
  async render(kustomization: string, node: string, signal: AbortSignal): Promise<Manifest[]> {
    const script = `
      set -e
      repository=$(mktemp -d)
      trap 'rm -rf "$repository"' EXIT
      tar -x -C "$repository"
      kubectl kustomize "$repository/$1"`;
    const run = $({ quiet: true, nothrow: true, signal });
    const output = await run`tar -c -C ${this.#folder} .`.pipe(
      run`docker exec -i ${node} sh -c ${script} render ${kustomization}`,
    );
    if (output.exitCode !== 0)
      throw new NotReadyError(`kubectl kustomize ${kustomization} failed: ${output.stderr.trim().split('\n').at(-1)}`);
    const documents = parseAllDocuments(output.stdout);
    return Array.isArray(documents) ? documents.map((each) => each.toJS() as Manifest) : [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
