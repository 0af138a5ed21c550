import type { Writable } from 'node:stream';

/**
 * Ends the process once all that was said has gone out. A pipe takes 64 KiB at a time, and what its reader has not fetched when a
 * process exits is lost: a run printed as JSON is ten times that.
 */
export async function leave(code: number): Promise<never> {
  await Promise.all([process.stdout, process.stderr].map(flushed));
  process.exit(code);
}

function flushed(stream: Writable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // Whoever does not read any more, or never did, is not waited for.
  if (stream.writableLength === 0 || stream.destroyed) resolve();
  else stream.write('', () => resolve());
  return promise;
}
