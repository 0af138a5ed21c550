import { inTime } from '#cli/lab-lease.ts';
import type { Say } from '#machine/host.ts';
import type { Cluster, Manifest } from '#lab/cluster.ts';
import { holdLab, type LabHold } from '#lab/run-lock.ts';
import { messageOf } from '#support/errors.ts';
import { ownerLabel } from '#support/paths.ts';

/** A cluster of the user's, held by the name of its context: only the namespaces that this run made in it are removed. */
export class ContextLease {
  readonly #cluster: Cluster;
  readonly #hold: LabHold;
  readonly #before: readonly string[];
  readonly #say: Say;

  private constructor(cluster: Cluster, hold: LabHold, before: readonly string[], say: Say) {
    this.#cluster = cluster;
    this.#hold = hold;
    this.#before = before;
    this.#say = say;
  }

  static async take(cluster: Cluster, say: Say, signal: AbortSignal): Promise<ContextLease> {
    const hold = await holdLab(`context-${cluster.context.replaceAll(/[^\w.-]/g, '-')}`, say, signal);
    return new ContextLease(cluster, hold, await ownNamespaces(cluster), say);
  }

  get afterKill(): boolean {
    return this.#hold.killed !== undefined;
  }

  cleaned(): void {
    this.#hold.cleaned();
  }

  /** Checks of the harness itself do not run on a cluster of the user's. */
  async lend(): Promise<void> {}

  async end(keep: boolean): Promise<void> {
    if (!keep) {
      const made = (await ownNamespaces(this.#cluster)).filter((name) => !this.#before.includes(name));
      const objects = made.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
      await inTime(this.#cluster.remove(objects)).catch((error: unknown) => {
        const { context } = this.#cluster;
        this.#say(
          `namespaces ${made.join(', ')} were not removed (${messageOf(error)}): ./meshwitness down --context ${context}`,
        );
      });
    }
    await this.#hold.release();
  }
}

async function ownNamespaces(cluster: Cluster): Promise<string[]> {
  const found = await cluster.list<Manifest>('v1', 'Namespace', undefined, `${ownerLabel}=meshwitness`);
  return found.map(({ metadata }) => metadata.name);
}
