import { randomBytes } from 'node:crypto';
import type { Manifest } from '#lab/cluster.ts';
import { Issuer } from '#witness/issuer.ts';
import type { Browser } from '#probe/browser.ts';
import { logHead, logTail } from '#witness/log-tail.ts';
import type { Twin } from '#verdict/check.ts';
import type { Scene } from '#verdict/scene.ts';
import { documentsOf, withAddresses } from '#verdict/steps.ts';

/** What a stage is made from. */
export interface StageParts {
  /** Absent for checks of the harness itself. */
  scene?: Scene;
  names: Record<string, string>;
  manifests: readonly Manifest[];
  twin?: Twin;
  signal: AbortSignal;
  /** Makes visits, in place of the fixture's browser. */
  browser?: Browser;
}

/** What a check can read of its scene without changing anything. */
export class StageReading {
  readonly names: Record<string, string>;
  readonly signal: AbortSignal;
  /** Tells the cookie jars of this stage from those that others keep under the same names in the same pod. */
  protected readonly jars = randomBytes(5).toString('hex');
  protected readonly browser: Browser | undefined;
  readonly #scene: Scene | undefined;
  readonly #manifests: readonly Manifest[];
  readonly #twin: string | undefined;
  #filled: readonly Manifest[] | undefined;

  constructor({ scene, names, manifests, twin, signal, browser }: StageParts) {
    this.#scene = scene;
    this.names = names;
    this.#manifests = manifests;
    this.#twin = twin?.name;
    this.signal = signal;
    this.browser = browser;
  }

  /** False for checks of the harness itself. */
  get hasScene(): boolean {
    return this.#scene !== undefined;
  }

  /** The scene itself, for evidence that no method here gathers. @throws Error when the check names none */
  get scene(): Scene {
    if (!this.#scene) throw new Error('the check names no scene');
    return this.#scene;
  }

  /** Reads a page of an Envoy's admin port, as text: the sidecar's, or that of the workload's own Envoy. */
  async adminPage(workload: string, path: string, port?: number): Promise<string> {
    const admin = await this.scene.admin(workload, port);
    return (await admin.request(path, { signal: this.signal })).body;
  }

  /** Address of a workload's pod. In a check's YAML `${address:NAME}` stands for it. */
  address(workload: string): string {
    return this.scene.workload(workload).podIP;
  }

  /** The documents of a step, with the addresses of this scene filled in. */
  documents(step: string): Manifest[] {
    // Filled in once: what was applied is known by identity when it is taken away.
    this.#filled ??= withAddresses(this.#manifests, (name) => this.address(name));
    return documentsOf(step, this.#filled, this.#twin);
  }

  /** Asks the fixture of a workload on its admin port: `POST /token`. @throws NotReadyError when it says anything but 200 */
  async ask<T>(workload: string, path: string, body: Record<string, unknown>): Promise<T> {
    const fixture = await this.scene.fixture(workload);
    return fixture.json<T>(path, { method: 'POST', body, signal: this.signal });
  }

  /** Has a browser keep what it holds in one jar in another, too. @throws NotReadyError when no visit has made the first */
  async copyJar(workload: string, from: string, to: string): Promise<void> {
    const jars = { from: `${this.jars}-${from}`, to: `${this.jars}-${to}` };
    await (this.browser ? this.browser.copyJar(jars.from, jars.to) : this.ask(workload, '/browse/jars', jars));
  }

  /** The first or the last lines of a container's log. */
  async log(workload: string, container: string, end: 'head' | 'tail' = 'tail'): Promise<string> {
    const { namespace, pod } = this.scene.workload(workload);
    const read = end === 'head' ? logHead : logTail;
    return read(this.scene.cluster, { namespace, pod, container }, this.signal);
  }

  /** Acts on the outside issuer of the scene, while no course does. */
  async issuer<T>(workload: string, act: (issuer: Issuer) => Promise<T>): Promise<T> {
    return act(new Issuer(await this.scene.fixture(workload), this.signal));
  }

  /** Objects of a kind as the API server keeps them. */
  async objects(apiVersion: string, kind: string, namespace: string): Promise<Manifest[]> {
    return this.scene.cluster.list<Manifest>(apiVersion, kind, namespace);
  }
}
