import { randomBytes } from 'node:crypto';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import pLimit from 'p-limit';
import type { Evidence } from '#support/evidence.ts';
import { redactJson, writeRedacted } from '#support/redact.ts';
import type { RunRecord, VerdictLine } from '#verdict/result.ts';

/** `20261121-065012-4f1a9c`: UTC time of the start, and something that keeps two runs of one second apart. */
export function runId(start: Date): string {
  const [day = '', time = ''] = start.toISOString().slice(0, 19).split('T');
  return `${day.replaceAll('-', '')}-${time.replaceAll(':', '')}-${randomBytes(3).toString('hex')}`;
}

/** Name of a check's files in a run folder: `GS-02.no-endpoints.istio-current`. */
export function fileStem({ id, twin, product }: Pick<VerdictLine, 'id' | 'twin' | 'product'>): string {
  return [id, twin, product].filter((each) => each !== undefined).join('.');
}

/** The report folder of one run, written so that a kill at any time loses no finished verdict. */
export class RunFolder {
  readonly dir: string;
  readonly lines: VerdictLine[] = [];
  #record: RunRecord;
  readonly #verdicts: FileHandle;
  readonly #inTurn = pLimit(1);
  readonly #evidence = new Map<string, Evidence>();

  private constructor(dir: string, record: RunRecord, verdicts: FileHandle) {
    this.dir = dir;
    this.#record = record;
    this.#verdicts = verdicts;
  }

  /** Makes the folder with its run.json. */
  static async create(reports: string, record: RunRecord): Promise<RunFolder> {
    const dir = resolve(reports, record.run);
    await mkdir(dir, { recursive: true });
    await writeRedacted(resolve(dir, 'run.json'), record);
    return new RunFolder(dir, record, await open(resolve(dir, 'verdicts.ndjson'), 'a'));
  }

  get record(): RunRecord {
    return this.#record;
  }

  /** Writes the evidence, then the verdict that rests on it, and returns when both are on disk. */
  async add(found: VerdictLine, evidence?: Evidence): Promise<VerdictLine> {
    const file = `evidence/${fileStem(found)}.json`;
    if (evidence) await writeRedacted(resolve(this.dir, file), evidence);
    const line = redactJson<VerdictLine>(evidence ? { ...found, evidence: file } : found);
    await this.#inTurn(async () => {
      await this.#verdicts.appendFile(`${JSON.stringify(line)}\n`);
      await this.#verdicts.datasync();
    });
    this.lines.push(line);
    if (evidence) this.#evidence.set(file, evidence);
    return line;
  }

  /** The evidence that a line of this run rests on. */
  evidenceOf({ evidence }: VerdictLine): Evidence | undefined {
    return evidence === undefined ? undefined : this.#evidence.get(evidence);
  }

  /** Changes run.json, in one step. */
  async update(change: Partial<RunRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await this.#inTurn(() => writeRedacted(resolve(this.dir, 'run.json'), this.#record));
  }

  async close(): Promise<void> {
    await this.#inTurn(() => this.#verdicts.close());
  }
}
