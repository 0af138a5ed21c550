import { totalmem } from 'node:os';
import PQueue from 'p-queue';

/** Two programs that are linked at once take 4 GB at their peak; a machine with less than twice that has one after the other. */
const memoryForTwo = 8 * 2 ** 30;

/**
 * Queues for what takes a while. What may run at once: two compilations (the Go compiler uses every core by itself, but links
 * on one, and waits for its largest packages), once the first has filled Go's cache with the standard library, which two would
 * each compile for themselves; beside them three downloads (with two, a cold start left the compiler without work for 40 s), and
 * one image at a time in Docker, which packs on one core.
 */
export interface Slots {
  compile: PQueue;
  download: PQueue;
  image: PQueue;
}

export function makeSlots(): Slots {
  const compile = new PQueue({ concurrency: 1 });
  if (totalmem() >= memoryForTwo) compile.once('next', () => (compile.concurrency = 2));
  return {
    compile,
    download: new PQueue({ concurrency: 3 }),
    image: new PQueue({ concurrency: 1 }),
  };
}
