import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { isNode, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { UsageError } from '#support/errors.ts';

/**
 * Reads one YAML file and checks it against a schema.
 *
 * @throws UsageError with `file:line:column`, what is wrong there and what was expected, on one line
 */
export async function readYaml<S extends z.ZodType>(file: string, schema: S): Promise<z.output<S>> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`${display(file)}: cannot be read`, undefined, cause);
  });
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const broken = document.errors[0];
  if (broken) {
    const { line, col } = lines.linePos(broken.pos[0]);
    throw new UsageError(`${display(file)}:${line}:${col}: ${broken.message.split('\n', 1)[0]}`);
  }
  const result = schema.safeParse(document.toJS());
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = (issue?.path ?? []) as (string | number)[];
  const { line, col } = positionOf(document, path, lines);
  const where = path.length > 0 ? `${path.join('.')}: ` : '';
  throw new UsageError(`${display(file)}:${line}:${col}: ${where}${issue?.message ?? 'not as expected'}`);
}

function positionOf(document: Document, path: (string | number)[], lines: LineCounter): { line: number; col: number } {
  for (let depth = path.length; depth >= 0; depth -= 1) {
    const node = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]);
  }
  return { line: 1, col: 1 };
}

function display(file: string): string {
  const short = relative(process.cwd(), file);
  return short.startsWith('..') ? file : short;
}
