import type { ClientOutcome } from '#support/evidence.ts';
import { messageOf } from '#support/errors.ts';
import { plainSerial, type Leaf, type ProxyCourse } from '#support/certificates.ts';
import { certsEntries, certsPath, certsSummary } from '#witness/certificates/certs-page.ts';
import { certificateStats, summed } from '#witness/certificates/certificate-stats.ts';
import { dumpedSecrets, secretsPath } from '#witness/certificates/secrets-page.ts';
import { readCounters } from '#witness/counters.ts';
import { Runs, SeriesKeeper } from '#verdict/course/runs.ts';
import type { Scene } from '#verdict/scene.ts';

type Without<T> = Omit<T, 'first' | 'last' | 'looks'>;

/** Looks at one proxy again and again, and keeps what its admin pages and handshakes said, as runs. */
export class ProxyWatch {
  readonly workload: string;
  readonly #scene: Scene;
  readonly #dump = new Runs<Without<ProxyCourse['dump'][number]>>();
  readonly #certs = new Runs<Without<ProxyCourse['certs'][number]>>();
  readonly #handshake = new Runs<Without<ProxyCourse['handshake'][number]>>();
  readonly #bundle = new Runs<Without<ProxyCourse['bundle'][number]>>();
  readonly #counters = new SeriesKeeper();
  readonly #silent = new Map<string, string>();

  constructor(scene: Scene, workload: string) {
    this.#scene = scene;
    this.workload = workload;
  }

  /** One look at all admin pages. A page that does not answer is noted, and asked again at the next look. */
  async look(seconds: number, signal: AbortSignal): Promise<void> {
    const admin = await this.#scene.admin(this.workload);
    const page = async (path: string): Promise<string> => (await admin.request(path, { signal })).body;
    await Promise.all([
      this.#ask('dump', async () => {
        const secrets = dumpedSecrets(await page(secretsPath));
        const at = new Date().toISOString();
        const own = secrets['default'];
        if (own) {
          const { leaf, version, lastUpdated, rejected, untrusted } = own;
          this.#dump.see(at, {
            ...(leaf && { leaf }),
            ...(version !== undefined && { version }),
            ...(lastUpdated !== undefined && { lastUpdated }),
            ...(rejected !== undefined && { rejected }),
            ...(untrusted && { untrusted }),
          });
        }
        const roots = secrets['ROOTCA']?.roots;
        if (roots) this.#bundle.see(at, { roots });
      }),
      this.#ask('certs', async () => {
        const found = certsSummary(certsEntries(await page(certsPath)));
        this.#certs.see(new Date().toISOString(), found);
      }),
      this.#ask('counters', async () =>
        this.#counters.see(seconds, summed(await readCounters(admin, certificateStats, signal))),
      ),
    ]);
  }

  /** What a fresh handshake against the pod came to. */
  handshake({ outcome, status, tls, error }: ClientOutcome): void {
    const words = status === undefined ? `${outcome}${error ? ` (${error.code})` : ''}` : `status ${status}`;
    this.#handshake.see(new Date().toISOString(), { outcome: words, ...(tls && { leaf: leafOf(tls) }) });
    if (tls) this.#silent.delete('handshake');
    else this.#silent.set('handshake', words);
  }

  /** The serial that a handshake was served last. */
  get served(): string | undefined {
    return this.#handshake.list.at(-1)?.leaf?.serial;
  }

  result(issuer: ProxyCourse['issuer'], envoy?: string): ProxyCourse {
    const { namespace, pod } = this.#scene.workload(this.workload);
    return {
      workload: this.workload,
      namespace,
      pod,
      serviceAccount: this.workload,
      ...(envoy !== undefined && { envoy }),
      issuer,
      dump: this.#dump.list,
      certs: this.#certs.list,
      handshake: this.#handshake.list,
      signings: [],
      bundle: this.#bundle.list,
      streams: [],
      counters: this.#counters.list,
      silent: [...this.#silent].map(([source, reason]) => ({ source, reason })),
    };
  }

  async #ask(source: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#silent.delete(source);
    } catch (error) {
      this.#silent.set(source, messageOf(error));
    }
  }
}

function leafOf(tls: NonNullable<ClientOutcome['tls']>): Leaf {
  const uris = tls.subjectAltNames.filter((each) => each.startsWith('URI:')).map((each) => each.slice('URI:'.length));
  const { notBefore, notAfter, issuer } = tls;
  return { serial: plainSerial(tls.serial), notBefore, notAfter, uris, ...(issuer !== undefined && { issuer }) };
}
