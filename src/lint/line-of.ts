import { isAlias, isMap, isNode, isPair, isScalar, isSeq, type Document, type LineCounter } from 'yaml';
import type { Path } from '#lint/finding.ts';

/** The line of a field, by its key; where the path leads nowhere, that of the last field on the way. */
export function lineOf({ document, lines }: { document: Document; lines: LineCounter }, path: Path): number {
  let here: unknown = document.contents;
  let offset = offsetOf(here) ?? 0;
  for (const step of path) {
    const inner = isAlias(here) ? here.resolve(document) : here;
    const next: unknown = isMap(inner)
      ? inner.items.find(({ key }) => (isScalar(key) ? String(key.value) : undefined) === String(step))
      : isSeq(inner)
        ? inner.items[Number(step)]
        : undefined;
    if (next === undefined || next === null) break;
    offset = offsetOf(isPair(next) ? next.key : next) ?? offset;
    here = isPair(next) ? next.value : next;
  }
  return lineAt(lines, offset);
}

/** The line of an offset into the text, counted from 1. */
export function lineAt(lines: LineCounter, offset: number): number {
  return Math.max(1, lines.linePos(offset).line);
}

function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
