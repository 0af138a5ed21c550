/** An error meant for the person at the terminal: one line, the next thing to type, and the exit code. */
export class ToldError extends Error {
  override readonly name: string = 'ToldError';
  readonly exitCode: number;
  readonly hint: string | undefined;

  /**
   * @param message one line: what failed, where, what was seen
   * @param exitCode 2 for bad input, 3 for a machine or lab that is not ready
   * @param hint the next command to type, when there is one
   */
  constructor(message: string, exitCode: number, hint?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

/** Bad input or usage: a flag, a YAML, an id, an evidence file. Nothing has been started. Exit 2. */
export class UsageError extends ToldError {
  override readonly name = 'UsageError';
  constructor(message: string, hint?: string, cause?: unknown) {
    super(message, 2, hint, cause);
  }
}

/** The machine, an image or a lab is not ready, so nothing can be decided. Exit 3. */
export class NotReadyError extends ToldError {
  override readonly name = 'NotReadyError';
  constructor(message: string, hint?: string, cause?: unknown) {
    super(message, 3, hint, cause);
  }
}

/** The person pressed Ctrl-C, or the process was told to end. Exit 130. */
export class InterruptedError extends ToldError {
  override readonly name = 'InterruptedError';
  constructor(cause?: unknown) {
    super('interrupted', 130, undefined, cause);
  }
}

/** The message of whatever was thrown, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? (issueOf(error) ?? error.message) : String(error);
  return text.split('\n', 1)[0] ?? '';
}

/** A schema's complaint is a list over many lines: the first of them, as `path: what was expected`. */
function issueOf(error: Error & { issues?: { path?: PropertyKey[]; message?: string }[] }): string | undefined {
  const [issue] = error.name === 'ZodError' ? (error.issues ?? []) : [];
  return issue && `${(issue.path ?? []).map(String).join('.')}: ${issue.message ?? 'not as expected'}`;
}
