import { availableParallelism, totalmem } from 'node:os';
import PQueue from 'p-queue';

/** One compilation keeps this many cores busy for most of its time: Go compiles packages side by side, and waits for the largest. */
const coresOfOne = 4;
/** A large program takes 2 GB while it is linked; as much again is left to what else runs. */
const memoryOfOne = 4 * 2 ** 30;

/**
 * Queues for what takes a while. What may run at once: as many compilations as there are cores and memory for, which on two
 * cores is one, as two there only wait for each other; beside them eight downloads (with three, a cold start had the compiler
 * wait for the modules of the first program), and one image at a time in Docker, or one script, which keep one core busy.
 */
export interface Slots {
  compile: PQueue;
  download: PQueue;
  image: PQueue;
}

/** @param memory in bytes */
export function makeSlots(cores = availableParallelism(), memory = totalmem()): Slots {
  const compilations = Math.min(Math.floor(cores / coresOfOne), Math.floor(memory / memoryOfOne));
  return {
    compile: new PQueue({ concurrency: Math.max(1, compilations) }),
    download: new PQueue({ concurrency: 8 }),
    image: new PQueue({ concurrency: 1 }),
  };
}
