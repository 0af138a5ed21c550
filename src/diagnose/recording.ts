import type { Leaf, ProxyCourse } from '#support/certificates.ts';
import { summed } from '#witness/certificates/certificate-stats.ts';
import { certsEntries, certsSummary } from '#witness/certificates/certs-page.ts';
import { dumpedSecrets } from '#witness/certificates/secrets-page.ts';
import { cannotReload, tlsInventory, type TlsContext } from '#witness/certificates/tls-contexts.ts';
import { Runs, SeriesKeeper } from '#verdict/course/runs.ts';

type Without<T> = Omit<T, 'first' | 'last' | 'looks'>;
type About = Pick<ProxyCourse, 'workload' | 'namespace' | 'pod'> &
  Partial<Pick<ProxyCourse, 'serviceAccount' | 'envoy' | 'startedAt'>>;

/** Collects what the pages of one proxy said, look by look, into its course. The order of the looks is that of their times. */
export class Recording {
  about: About;
  readonly #start: number;
  readonly #dump = new Runs<Without<ProxyCourse['dump'][number]>>();
  readonly #certs = new Runs<Without<ProxyCourse['certs'][number]>>();
  readonly #handshake = new Runs<Without<ProxyCourse['handshake'][number]>>();
  readonly #bundle = new Runs<Without<ProxyCourse['bundle'][number]>>();
  readonly #counters = new SeriesKeeper();
  readonly #silent = new Map<string, string>();
  #pinned: ProxyCourse['pinned'];

  /** @param start time from which counters are dated */
  constructor(about: About, start: Date) {
    this.about = about;
    this.#start = start.getTime();
  }

  /**
   * A config dump, whole or of its secrets. A whole one also tells which contexts no SDS feeds.
   *
   * @throws ZodError or SyntaxError when it is none
   */
  dump(at: Date, body: string): void {
    const { default: own, ROOTCA: bundle } = dumpedSecrets(body);
    this.#silent.delete('dump');
    if (own) {
      const { leaf, version, lastUpdated, rejected, untrusted } = own;
      this.#dump.see(at.toISOString(), {
        ...(leaf && { leaf }),
        ...(version !== undefined && { version }),
        ...(lastUpdated !== undefined && { lastUpdated }),
        ...(rejected !== undefined && { rejected }),
        ...(untrusted && { untrusted }),
      });
    }
    if (bundle?.roots) this.#bundle.see(at.toISOString(), { roots: bundle.roots });
    const inventory = tlsInventory(body);
    if (inventory.contexts.length > 0) this.#pinned = cannotReload(inventory).flatMap(pinnedOf);
  }

  /** The `/certs` page. @throws ZodError or SyntaxError when it is none */
  certs(at: Date, body: string): void {
    this.#certs.see(at.toISOString(), certsSummary(certsEntries(body)));
    this.#silent.delete('certs');
  }

  /** Counters and gauges by their full names. */
  counters(at: Date, values: Record<string, number>): void {
    this.#counters.see((at.getTime() - this.#start) / 1000, summed(values));
    this.#silent.delete('counters');
  }

  /** What a fresh handshake came to. */
  handshake(at: Date, outcome: string, leaf?: Leaf): void {
    this.#handshake.see(at.toISOString(), { outcome, ...(leaf && { leaf }) });
    if (leaf) this.#silent.delete('handshake');
    else this.#silent.set('handshake', outcome);
  }

  /** A source that gave nothing at the last look. */
  silent(source: string, reason: string): void {
    this.#silent.set(source, reason);
  }

  result(): ProxyCourse {
    return {
      ...this.about,
      ...(this.#pinned && { pinned: this.#pinned }),
      issuer: [],
      signings: [],
      dump: this.#dump.list,
      certs: this.#certs.list,
      handshake: this.#handshake.list,
      bundle: this.#bundle.list,
      streams: [],
      counters: this.#counters.list,
      silent: [...this.#silent].map(([source, reason]) => ({ source, reason })),
    };
  }
}

function pinnedOf({ kind, name, pinned }: TlsContext): NonNullable<ProxyCourse['pinned']> {
  return pinned.map(({ leaf, file }) => ({
    context: `${kind} ${name}`,
    ...(leaf && { serial: leaf.serial }),
    ...(file !== undefined && { file }),
  }));
}
