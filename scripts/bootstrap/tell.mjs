/** The machine lacks something that the bootstrap cannot mend. Its message is one line that says what to do. Exit 3. */
export class NotReady extends Error {}

/**
 * Progress goes to stderr: stdout belongs to the command, which may print JSON.
 * @param {string} line
 */
export function say(line) {
  process.stderr.write(`meshwitness: ${line}\n`);
}
