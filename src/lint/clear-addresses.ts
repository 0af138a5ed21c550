import { addressesIn, type Address } from '#lint/addresses.ts';
import { lineOf } from '#lint/line-of.ts';
import { isEncryptedFile, type Source } from '#lint/manifest.ts';

/** The addresses of a document that everyone can read, its comments included; their offsets count from its beginning. */
export function clearAddresses(source: Source): Address[] {
  return addressesIn(isEncryptedFile(source) ? withoutSopsBlock(source) : source.text);
}

/** The block that sops adds names keys, some by the address of their owner. */
function withoutSopsBlock(source: Source): string {
  const first = lineOf(source, ['sops']) - source.lines.linePos(source.offset).line;
  const lines = source.text.split('\n');
  const length = lines.slice(first + 1).findIndex((line) => /^[^\s#]/.test(line));
  const after = length === -1 ? [] : lines.slice(first + 1 + length);
  return [
    ...lines.slice(0, first),
    ...lines.slice(first, lines.length - after.length).map((line) => ' '.repeat(line.length)),
    ...after,
  ].join('\n');
}
