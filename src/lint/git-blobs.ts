import type { Shell } from 'zx/core';

interface Blob {
  id: string;
  content: string;
}

/** A manifest that people write is far smaller; a bundle of definitions holds no policy. */
const largest = 1024 * 1024;
/** So many at a time that their contents fit in memory. */
const atATime = 2_000;

/** The contents of many git objects, by one process for thousands. Objects that are no text, or too large, are left out. */
export async function* blobsOf(git: Shell, ids: readonly string[]): AsyncGenerator<Blob> {
  const asked = git`git cat-file --batch-check=${'%(objectname) %(objecttype) %(objectsize)'}`;
  asked.stdin.end(ids.map((id) => `${id}\n`).join(''));
  const small = (await asked).stdout.split('\n').flatMap((line) => {
    const [id = '', type, size] = line.split(' ');
    return type === 'blob' && Number(size) <= largest ? [id] : [];
  });
  for (let first = 0; first < small.length; first += atATime) {
    const batch = git`git cat-file --batch`;
    batch.stdin.end(
      small
        .slice(first, first + atATime)
        .map((id) => `${id}\n`)
        .join(''),
    );
    yield* parts((await batch).buffer());
  }
}

/** `<id> blob <bytes>`, a line feed, so many bytes, a line feed; as git writes it. */
function* parts(all: Buffer): Generator<Blob> {
  for (let at = 0; at < all.length;) {
    const end = all.indexOf(10, at);
    const [id = '', , size] = all.toString('latin1', at, end).split(' ');
    if (end === -1 || !Number.isInteger(Number(size))) return;
    yield { id, content: all.toString('utf8', end + 1, end + 1 + Number(size)) };
    at = end + 1 + Number(size) + 1;
  }
}
