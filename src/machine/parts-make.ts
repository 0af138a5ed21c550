import { resolve } from 'node:path';
import { buildPart } from '#machine/build.ts';
import type { BuildContext } from '#machine/build-context.ts';
import { makeSlots, type Slots } from '#machine/build-slots.ts';
import { keep, lastBuildMs, listFiles, openWork, withLock, type PartRecord } from '#machine/cache.ts';
import { requireDisk } from '#machine/disk.ts';
import { askEngine } from '#machine/docker.ts';
import { inspectImage, labelsFor } from '#machine/images/image-store.ts';
import { removeOlder } from '#machine/images/prune.ts';
import { builtHash, pulledHash, recipeFolder } from '#machine/parts-hash.ts';
import { LocalImages, localPart, readyFrom, referenceOf } from '#machine/parts-local.ts';
import { prioritiesOf, type Priorities } from '#machine/parts-priority.ts';
import type { EnsureOptions } from '#machine/parts.ts';
import { pullFiles, pullImage } from '#machine/pull.ts';
import type { PartEvent, ReadyPart } from '#machine/ready-part.ts';
import { isUnreachable, Puller } from '#machine/registry.ts';
import { ingredientsOf, isImage, moduleOf, specOf, versionOf, type Versions } from '#machine/versions.ts';
import { messageOf, NotReadyError } from '#support/errors.ts';
import { paths } from '#support/paths.ts';

type Origin = 'pull' | 'build';

export interface MakerOptions extends EnsureOptions {
  /** Folder of the recipes. Default: kind/images. */
  recipes?: string;
}

/** Finds, pulls or builds parts, each at most once. One maker serves one call of ensureParts. */
export class PartMaker {
  readonly #versions: Versions;
  readonly #options: MakerOptions;
  readonly #recipes: string;
  readonly #named: ReadonlySet<string>;
  readonly #slots: Slots = makeSlots();
  readonly #images: LocalImages;
  readonly #puller = new Puller();
  readonly #priorities: ReadonlyMap<string, Priorities>;
  readonly #ready = new Map<string, Promise<ReadyPart>>();
  readonly #origins = new Map<string, Promise<Origin>>();
  readonly #hashes = new Map<string, Promise<string>>();
  #space: Promise<void> | undefined;
  /** What this maker made; with `force` nothing else of the named parts counts. */
  readonly #made = new Set<string>();
  #looking = false;

  constructor(versions: Versions, names: readonly string[], options: MakerOptions) {
    this.#versions = versions;
    this.#recipes = options.recipes ?? paths.imageRecipes;
    this.#options = options;
    this.#images = options.images ?? new LocalImages();
    this.#named = new Set(names);
    this.#priorities = prioritiesOf(versions, names);
  }

  /** The part, made if need be. */
  ready(part: string): Promise<ReadyPart> {
    return memo(this.#ready, part, () => this.#make(part));
  }

  /** The part as it is here, pulled or built. Nothing is made by a maker that is only asked this. */
  async find(part: string): Promise<ReadyPart | undefined> {
    this.#looking = true;
    const { pull } = specOf(this.#versions, part);
    const pulled = pull && this.#options.source !== 'build' ? await this.#local(part, 'pull') : undefined;
    return pulled ?? this.#local(part, 'build');
  }

  /** Resolves when nothing is under way any more, however it ended. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#ready.values(), ...this.#origins.values()]);
  }

  async #make(part: string): Promise<ReadyPart> {
    const origin = await this.#origin(part);
    const local = await this.#local(part, origin);
    if (local) return local;
    this.#tell({ part, state: 'planned', ...(await this.#expected(part)) });
    await this.#needSpace();
    const inputs = origin === 'build' ? await this.#inputs(part) : new Map<string, ReadyPart>();
    return this.#create(part, origin, inputs);
  }

  /** Parts of one release come from one source: a client and a server of different versions are no product. */
  #origin(part: string): Promise<Origin> {
    const release = this.#releaseOf(part);
    return memo(this.#origins, release, () => this.#chooseOrigin(part, release));
  }

  /** A part that names none is a release of its own. */
  #releaseOf(part: string): string {
    return specOf(this.#versions, part).release ?? part;
  }

  async #chooseOrigin(part: string, release: string): Promise<Origin> {
    const { source } = this.#options;
    const members = Object.entries(this.#versions.parts)
      .filter(([name, spec]) => spec.pull && this.#releaseOf(name) === release)
      .map(([name]) => name);
    if (source === 'build' || members.length === 0) return 'build';
    const here = await Promise.all(members.map((member) => this.#local(member, 'pull')));
    if (here.every((member) => member !== undefined)) return 'pull';
    if (this.#looking || (source === undefined && (await this.#local(part, 'build')))) return 'build';
    try {
      const missing = members.filter((_, at) => here[at] === undefined);
      await Promise.all(missing.map((member) => this.#create(member, 'pull', new Map())));
      return 'pull';
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      if (source === 'pull') throw new NotReadyError(messageOf(error), `./meshwitness images build ${part}`, error);
      this.#tell({ part, state: 'note', detail: `${release}: ${messageOf(error)}; building it instead` });
      return 'build';
    }
  }

  async #inputs(part: string): Promise<Map<string, ReadyPart>> {
    const wanted = ingredientsOf(specOf(this.#versions, part));
    const ready = await Promise.all(wanted.map(({ part: each }) => this.ready(each)));
    return new Map(wanted.map(({ alias }, at) => [alias, ready[at] as ReadyPart]));
  }

  #hash(part: string, origin: Origin): Promise<string> {
    return memo(this.#hashes, `${part} ${origin}`, async () => {
      const spec = specOf(this.#versions, part);
      if (origin === 'pull' && spec.pull) return pulledHash(part, spec.pull);
      return builtHash(this.#versions, part, this.#recipes, async (ingredient) => {
        // To ask for the origin of the release that is being decided would wait for itself.
        const same = this.#releaseOf(ingredient) === this.#releaseOf(part);
        return this.#hash(ingredient, same ? 'build' : await this.#origin(ingredient));
      });
    });
  }

  async #local(part: string, origin: Origin): Promise<ReadyPart | undefined> {
    if (this.#options.force === true && this.#named.has(part) && !this.#made.has(part)) return undefined;
    const spec = specOf(this.#versions, part);
    const hash = await this.#hash(part, origin);
    return localPart(part, spec, hash, this.#version(part, origin), this.#images, this.#options.signal);
  }

  #version(part: string, origin: Origin): string {
    const { pull } = specOf(this.#versions, part);
    return origin === 'pull' && pull ? pull.version : versionOf(this.#versions, part);
  }

  async #create(part: string, origin: Origin, inputs: Map<string, ReadyPart>): Promise<ReadyPart> {
    const { signal } = this.#options;
    return withLock(part, signal, async () => {
      this.#images.forget();
      const local = await this.#local(part, origin);
      if (local) return local;
      const spec = specOf(this.#versions, part);
      const [hash, version] = [await this.#hash(part, origin), this.#version(part, origin)];
      const module = origin === 'build' ? moduleOf(this.#versions, part) : undefined;
      const reference = referenceOf(part, version, hash);
      const labels = labelsFor({ part, hash, origin, module, version });
      const work = await openWork(part);
      const clock = { ms: 0 };
      const inSlot: BuildContext['inSlot'] = (slot, doing, action) => this.#inSlot(part, slot, doing, clock, action);
      const out = resolve(work, 'out');
      const context: BuildContext = {
        part,
        spec,
        version,
        module,
        hash,
        reference,
        labels,
        work,
        out,
        inputs,
        inSlot,
        signal,
        recipe: recipeFolder(this.#recipes, part, spec),
        say: (detail) => this.#tell({ part, state: 'note', detail }),
      };
      const made = origin === 'pull' ? await this.#pull(context) : await this.#build(context);
      const image = isImage(spec) ? await inspectImage(reference, signal) : undefined;
      const record: PartRecord = {
        schema: 1,
        part,
        version,
        origin,
        hash,
        madeAt: new Date().toISOString(),
        buildMs: clock.ms,
        ...(module !== undefined && { module }),
        ...(image ? { reference, imageId: image.id } : { files: await listFiles(out) }),
        ...(made.digest !== undefined && { digest: made.digest }),
        ...(made.preloaded && { preloaded: made.preloaded }),
      };
      await keep(work, record);
      this.#images.forget();
      this.#made.add(part);
      await removeOlder(part, isImage(spec), signal);
      this.#tell({ part, state: 'ready', detail: origin === 'pull' ? 'pulled' : 'built', tookMs: clock.ms });
      return readyFrom(record, spec);
    });
  }

  async #pull({
    spec,
    out,
    reference,
    labels,
    inSlot,
    signal,
  }: BuildContext): Promise<{ digest?: string; preloaded?: string[] }> {
    const { pull } = spec;
    if (!pull) throw new Error('nothing to pull');
    const mirror = this.#options.mirror ?? (process.env.MESHWITNESS_MIRROR || undefined);
    const request = { spec: pull, mirror, puller: this.#puller, signal };
    const digest = await inSlot('download', 'pulling', () =>
      isImage(spec) ? pullImage(request, reference, labels) : pullFiles(request, out),
    );
    return digest === undefined ? {} : { digest };
  }

  async #build(context: BuildContext): Promise<{ digest?: string; preloaded?: string[] }> {
    try {
      return await buildPart(context);
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      if (!isUnreachable(error)) throw error;
      throw new NotReadyError(
        `${context.part} can neither be pulled nor built, no registry answers: ${messageOf(error)}`,
        './meshwitness images load FILE, with a file that images save wrote elsewhere',
        error,
      );
    }
  }

  async #inSlot<T>(
    part: string,
    slot: keyof Slots,
    doing: string,
    clock: { ms: number },
    work: () => Promise<T>,
  ): Promise<T> {
    const timed = async () => {
      this.#options.signal?.throwIfAborted();
      this.#tell({ part, state: 'working', detail: doing, ...(await this.#expected(part)) });
      const start = performance.now();
      try {
        return await work();
      } finally {
        clock.ms += Math.round(performance.now() - start);
        this.#tell({ part, state: 'waiting' });
      }
    };
    return this.#slots[slot].add(timed, { priority: this.#priorities.get(part)?.[slot] ?? 0 });
  }

  async #expected(part: string): Promise<{ expectedMs: number }> {
    const measured = await lastBuildMs(part);
    return { expectedMs: measured ?? specOf(this.#versions, part).expectedSeconds * 1000 };
  }

  #needSpace(): Promise<void> {
    this.#space ??= (async () => {
      const engine = await askEngine(this.#options.signal);
      await requireDisk('dataFolder' in engine ? [paths.cache, engine.dataFolder] : [paths.cache]);
    })();
    return this.#space;
  }

  #tell(event: PartEvent): void {
    this.#options.onProgress?.(event);
  }
}

function memo<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? make();
  known.set(key, found);
  return found;
}
