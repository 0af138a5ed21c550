// Stands for a command that makes parts for a while and prints JSON: `node long-work.ts STEPS`.
import { withProgress } from '#machine/images/progress.ts';

const steps = Number(process.argv[2]);

const made = await withProgress(async (onProgress) => {
  onProgress({ part: 'first', state: 'planned' });
  onProgress({ part: 'second', state: 'planned' });
  onProgress({ part: 'first', state: 'note', detail: 'no registry answers; building it instead' });
  for (let step = 0; step < steps; step += 1) onProgress({ part: 'first', state: 'working', detail: `step ${step}` });
  onProgress({ part: 'first', state: 'waiting' });
  onProgress({ part: 'first', state: 'ready', detail: 'built', tookMs: 1000 });
  setImmediate(() => onProgress({ part: 'second', state: 'ready', detail: 'built', tookMs: 2000 }));
  return 'first';
});
console.log(JSON.stringify({ made }));
