import PQueue from 'p-queue';

/**
 * Queues for what takes a while. What may run at once: one compilation (the Go compiler uses every core by itself), beside it two downloads,
 * and one image at a time in Docker, which packs on one core.
 */
export interface Slots {
  compile: PQueue;
  download: PQueue;
  image: PQueue;
}

export function makeSlots(): Slots {
  return {
    compile: new PQueue({ concurrency: 1 }),
    download: new PQueue({ concurrency: 2 }),
    image: new PQueue({ concurrency: 1 }),
  };
}
