import PQueue from 'p-queue';

/**
 * Queues for what takes a while. What may run at once: one compilation (the Go compiler uses every core by itself),
 * beside it three downloads (with two, a cold start left the compiler without work for 40 s), and one image at a time
 * in Docker, which packs on one core.
 */
export interface Slots {
  compile: PQueue;
  download: PQueue;
  image: PQueue;
}

export function makeSlots(): Slots {
  return {
    compile: new PQueue({ concurrency: 1 }),
    download: new PQueue({ concurrency: 3 }),
    image: new PQueue({ concurrency: 1 }),
  };
}
