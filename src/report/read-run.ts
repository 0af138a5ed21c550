import { readFile } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import type { z } from 'zod';
import { UsageError } from '#support/errors.ts';
import { redactJson } from '#support/redact.ts';
import { evidence, evidenceSchemaVersion, type Evidence } from '#support/evidence.ts';
import { runRecord, verdictLine, verdictSchemaVersion, type RunRecord, type VerdictLine } from '#verdict/result.ts';

/** A run folder, read and validated. Everything in it went through redaction, also when it came from elsewhere. */
export interface Run {
  dir: string;
  record: RunRecord;
  /** One line a check, product and twin: where a resumed run decided twice, the later line. */
  lines: VerdictLine[];
  /** Evidence by the path that a line names. */
  evidence: Map<string, Evidence>;
  /** The last line was cut off by a kill, and left out. */
  truncated: boolean;
}

/** `run.json` as it is now; a change of its schema raises the literal in result.ts. */
const runSchemaVersion = 1;

/**
 * Reads a run folder from files only, so that one copied from elsewhere reads the same.
 *
 * @throws UsageError in one line, naming the file and line, when something is absent, malformed or of another schema
 *   version, or when a line points outside the folder
 */
export async function readRun(dir: string): Promise<Run> {
  const recordText = await read(dir, 'run.json').catch((error: unknown) => {
    if (!isAbsent(error)) throw error;
    throw new UsageError(`${resolve(dir, 'run.json')} is absent: not a report folder`, './meshwitness verify', error);
  });
  const record = parse(runRecord, runSchemaVersion, recordText, 'run.json');
  const { lines, truncated } = await readLines(dir);
  const files = [...new Set(lines.flatMap((line) => line.evidence ?? []))];
  const read1 = async (file: string): Promise<[string, Evidence]> => [file, await readEvidence(dir, file)];
  return { dir, record, lines, truncated, evidence: new Map(await Promise.all(files.map(read1))) };
}

async function readLines(dir: string): Promise<{ lines: VerdictLine[]; truncated: boolean }> {
  const text = await read(dir, 'verdicts.ndjson').catch((error: unknown) => {
    if (isAbsent(error)) return '';
    throw error;
  });
  const rows = text.split('\n');
  const latest = new Map<string, VerdictLine>();
  let truncated = false;
  for (const [index, row] of rows.entries()) {
    if (row.trim() === '') continue;
    // A kill between two writes leaves half a line without its newline, and only at the end.
    if (index === rows.length - 1 && !isJson(row)) {
      truncated = true;
      continue;
    }
    const line = parse(verdictLine, verdictSchemaVersion, row, `verdicts.ndjson:${index + 1}`);
    latest.set(lineKey(line), line);
  }
  return { lines: [...latest.values()], truncated };
}

async function readEvidence(dir: string, file: string): Promise<Evidence> {
  const inside = relative(resolve(dir), resolve(dir, file));
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || resolve(inside) === inside) {
    throw new UsageError(`verdicts.ndjson names evidence outside the run folder: ${file}`);
  }
  const text = await read(dir, file).catch((error: unknown) => {
    if (!isAbsent(error)) throw error;
    throw new UsageError(`${file} is absent, but verdicts.ndjson names it: copy the whole folder`, undefined, error);
  });
  return parse(evidence, evidenceSchemaVersion, text, file);
}

/** What makes a line the only one of its kind: check, twin and product. */
export function lineKey(line: Pick<VerdictLine, 'id' | 'twin' | 'product'>): string {
  return JSON.stringify([line.id, line.twin ?? '', line.product ?? '']);
}

function parse<T>(schema: z.ZodType<T>, version: number, text: string, where: string): T {
  let value: unknown;
  try {
    value = redactJson(JSON.parse(text));
  } catch (error) {
    throw new UsageError(`${where}: not JSON: ${(error as Error).message.split('\n', 1)[0]}`, undefined, error);
  }
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'schema') : undefined;
  if (found !== version) {
    throw new UsageError(
      `${where}: found schema version ${found === undefined ? 'none' : JSON.stringify(found)}, expected ${version}`,
    );
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new UsageError(`${where}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'malformed'}`);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const read = (dir: string, file: string): Promise<string> => readFile(resolve(dir, file), 'utf8');
const isAbsent = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
