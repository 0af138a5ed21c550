import { CommanderError } from 'commander';
import { messageOf, ToldError } from '#support/errors.ts';

/** What a person is told of an error, and the exit code. */
export interface Told {
  line: string;
  hint?: string;
  exitCode: number;
}

/** One line for whatever was thrown. An error after an interrupt is the interrupt. */
export async function tellOf(thrown: unknown, signal?: AbortSignal): Promise<Told> {
  if (signal?.aborted) return { line: 'interrupted', exitCode: 130 };
  if (thrown instanceof CommanderError) return { line: oneLine(thrown.message), exitCode: 2 };
  if (thrown instanceof ToldError) return toldBy(thrown);
  const { askWhetherGone, engineGone } = await import('#machine/docker.ts');
  const gone = isOfCommand(thrown) ? await askWhetherGone(thrown) : engineGone(thrown);
  if (gone) return toldBy(gone);
  const hint = 'MESHWITNESS_DEBUG=1 shows where';
  return { line: `unexpected: ${messageOf(thrown)}`, hint, exitCode: 1 };
}

const isOfCommand = (thrown: unknown): boolean => typeof (thrown as { stderr?: unknown } | null)?.stderr === 'string';

const toldBy = ({ message, hint, exitCode }: ToldError): Told => ({
  line: message,
  exitCode,
  ...(hint !== undefined && { hint }),
});

/** Prints it to stderr. @returns the exit code */
export async function reportError(thrown: unknown, signal?: AbortSignal): Promise<number> {
  const { line, hint, exitCode } = await tellOf(thrown, signal);
  process.stderr.write(`meshwitness: ${line}\n${hint === undefined ? '' : `  ${hint}\n`}`);
  if (process.env['MESHWITNESS_DEBUG'] === '1') console.error(thrown);
  return exitCode;
}

/** Commander puts a suggestion on a second line, and its name before the first. */
const oneLine = (message: string): string =>
  message
    .replace(/^error: /, '')
    .split('\n')
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .join(' ');
