import { parse } from 'yaml';
import type { Manifest } from '#lab/cluster.ts';
import type { Repository } from './repository.ts';

interface Holder extends Manifest {
  stringData?: Record<string, string>;
  spec?: { authorization?: { rules?: { principal?: { jwt?: { claims?: { values?: string[] }[] } } }[] } };
}

/** What nobody may read in a repository, by names that tell nothing: addresses of allowlists, and credentials. */
export function secretsOf(documents: Iterable<Manifest>): Map<string, string> {
  const found = new Map<string, string>();
  for (const { metadata, stringData = {}, spec } of documents as Iterable<Holder>) {
    for (const [key, value] of Object.entries(stringData)) found.set(`${key} of ${metadata.name}`, value);
    const claims = (spec?.authorization?.rules ?? []).flatMap(({ principal }) => principal?.jwt?.claims ?? []);
    const values = claims.flatMap((claim) => claim.values ?? []);
    values.forEach((value, at) => found.set(`address ${at + 1} of ${metadata.name}`, value));
  }
  return found;
}

/** How many versions of files a repository holds, and where one of its secrets, or the key to them, can be read in one. */
export async function readableIn(
  repository: Repository,
): Promise<{ secrets: number; versions: number; found: string[] }> {
  const secrets = secretsOf(repository.documents.values()).set('the age key', repository.key);
  const found: string[] = [];
  let versions = 0;
  for await (const { place, text } of repository.versions()) {
    versions += 1;
    for (const [name, value] of secrets)
      if ([value, Buffer.from(value).toString('base64')].some((each) => text.includes(each)))
        found.push(`${name}: ${place}`);
  }
  return { secrets: secrets.size, versions, found };
}

/** What each file tells to everybody, and what of it is another thing once it is decrypted. */
export function filesAsRead(repository: Repository) {
  const read = async ([file, original]: [string, Manifest]) => {
    const { kind = '', metadata, sops } = parse(await repository.read(file)) as Manifest & { sops?: object };
    const altered = unlike(original, await repository.decrypted(file));
    return { file, kind, name: metadata.name, encrypted: sops !== undefined, altered };
  };
  return Promise.all([...repository.documents].map(read));
}

/** Paths at which two objects differ. */
export const unlike = (one: unknown, other: unknown): string[] => [
  ...new Set([...lost(one, other), ...lost(other, one)]),
];

/** Paths of what is said by the first and not, or otherwise, by the second, which may say more: an API server fills in defaults. */
export function lost(said: unknown, kept: unknown, path = ''): string[] {
  if (typeof said !== 'object' || said === null) return said === kept ? [] : [path];
  const inside = (typeof kept === 'object' && kept !== null ? kept : {}) as Record<string, unknown>;
  return Object.entries(said).flatMap(([key, value]) => lost(value, inside[key], path === '' ? key : `${path}.${key}`));
}
