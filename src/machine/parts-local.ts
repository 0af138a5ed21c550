import { filesFit, keep, openWork, partFolder, readRecord, type PartRecord } from '#machine/cache.ts';
import { docker, imageLabels, inspectImage } from '#machine/images/image-store.ts';
import type { ReadyPart } from '#machine/ready-part.ts';
import { fill } from '#machine/build-context.ts';
import { isImage, type PartSpec } from '#machine/versions.ts';
import { NotReadyError } from '#support/errors.ts';
import { ownerLabel } from '#support/paths.ts';

/** The images of ours on this machine, tag to image id; asked once for many parts. */
export class LocalImages {
  #tags: Promise<Map<string, string>> | undefined;

  async idOf(reference: string, signal?: AbortSignal): Promise<string | undefined> {
    this.#tags ??= listTags(signal);
    return (await this.#tags).get(reference);
  }

  /** To be called when an image was made. */
  forget(): void {
    this.#tags = undefined;
  }
}

async function listTags(signal: AbortSignal | undefined): Promise<Map<string, string>> {
  const format = '{{.Repository}}:{{.Tag}} {{.ID}}';
  const args = ['image', 'ls', '--no-trunc', '--filter', `label=${ownerLabel}=meshwitness`, '--format', format];
  const lines = (await docker(args, { signal })).split('\n').filter(Boolean);
  return new Map(lines.map((line) => line.split(' ', 2) as [string, string]));
}

/** Tag of the image of a part; it names the version and the first digits of the hash. */
export function referenceOf(part: string, version: string, hash: string): string {
  return `meshwitness.local/${part}:${version.replaceAll(/[^\w.-]/g, '_')}-${hash.slice(0, 8)}`;
}

/**
 * The part as it is on this machine, undefined when it is not, or not whole.
 *
 * @throws NotReadyError when the image under our tag is not the one that was recorded
 */
export async function localPart(
  part: string,
  spec: PartSpec,
  hash: string,
  version: string,
  images: LocalImages,
  signal?: AbortSignal,
): Promise<ReadyPart | undefined> {
  const record = await readRecord(part, hash);
  if (!isImage(spec)) return record && (await filesFit(record)) ? readyFrom(record, spec) : undefined;
  const reference = record?.reference ?? referenceOf(part, version, hash);
  const id = await images.idOf(reference, signal);
  if (id === undefined) return undefined;
  if (!record) return adopt(part, spec, hash, version, reference, signal);
  if (record.imageId === id) return readyFrom(record, spec);
  throw new NotReadyError(
    `image ${reference} was tampered with: it is ${short(id)}, and ${short(record.imageId ?? '')} was recorded`,
    `./meshwitness images build --force ${part}`,
  );
}

/** What callers get of a recorded part. */
export function readyFrom(record: PartRecord, spec: PartSpec): ReadyPart {
  const { part, version, origin, hash, reference, module, digest, buildMs, preloaded } = record;
  const names = spec.build === 'image' ? spec.names.map((name) => fill(name, version)) : [];
  return {
    part,
    version,
    origin,
    hash,
    ...(reference === undefined ? { path: partFolder(part, hash) } : { reference }),
    ...(module !== undefined && { module }),
    ...(digest !== undefined && { digest }),
    ...(preloaded && { preloaded }),
    ...(names.length > 0 && { names }),
    buildMs,
  };
}

/** An image of ours without a record: a run was killed between the two, or the cache was emptied. Its labels tell. */
async function adopt(
  part: string,
  spec: PartSpec,
  hash: string,
  version: string,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<ReadyPart | undefined> {
  const image = await inspectImage(reference, signal);
  const { labels = {}, id } = image ?? {};
  if (id === undefined || labels[imageLabels.hash] !== hash || labels[imageLabels.part] !== part) return undefined;
  const preloaded = labels[imageLabels.preloaded]?.split(' ');
  const record: PartRecord = {
    schema: 1,
    part,
    version,
    origin: labels[imageLabels.origin] === 'pull' ? 'pull' : 'build',
    hash,
    reference,
    imageId: id,
    madeAt: new Date().toISOString(),
    buildMs: 0,
    ...(labels[imageLabels.module] !== undefined && { module: labels[imageLabels.module] }),
    ...(preloaded && { preloaded }),
  };
  await keep(await openWork(`${part}-adopted`), record);
  return readyFrom(record, spec);
}

function short(id: string): string {
  return id.replace('sha256:', '').slice(0, 12);
}
