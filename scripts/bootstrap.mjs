// First thing that runs on a fresh clone: `node scripts/bootstrap.mjs ENTRY [ARGS]`. It has no dependencies and works on
// Node.js 20. It makes sure of the npm packages and of a Node.js that runs TypeScript as it is, then hands over to ENTRY
// (a path from the root of the repository), passing signals in and the exit code out.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { delimiter, dirname, resolve } from 'node:path';
import { ensureDependencies } from './bootstrap/dependencies.mjs';
import { cacheFolder } from './bootstrap/folders.mjs';
import { ensureNode } from './bootstrap/node.mjs';
import { stopNpm } from './bootstrap/npm.mjs';
import { NotReady, say } from './bootstrap/tell.mjs';

const root = resolve(import.meta.dirname, '..');
const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/** @param {string[]} argv entry and its arguments */
async function main([entry, ...args]) {
  if (entry === undefined) throw new NotReady('usage: node scripts/bootstrap.mjs ENTRY [ARGS]');
  const cache = cacheFolder();
  const [node] = await Promise.all([ensureNode(root, cache), ensureDependencies(root, cache)]);
  handOver(node, ['--disable-warning=ExperimentalWarning', ...heap(entry), resolve(root, entry), ...args], cache);
}

/**
 * The harness shares its machine with clusters. Left alone, V8 takes what the machine has before it collects anything; it
 * lives well in this (young generation 4 MiB, old one 256 MiB).
 *
 * @type {(entry: string) => string[]}
 */
const heap = (entry) => (entry === 'src/cli/main.ts' ? ['--max-semi-space-size=4', '--max-old-space-size=256'] : []);

/** @type {(node: string, args: string[], cache: string) => void} */
function handOver(node, args, cache) {
  const child = spawn(node, args, {
    stdio: 'inherit',
    env: {
      ...process.env,
      // Tools that name `node` in their first line must find this one.
      PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? resolve(cache, 'node/compiled'),
    },
  });
  // A terminal sends Ctrl-C to both of us, so the child may see it twice. A process that was signalled by id needs us.
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    say(`cannot start ${node}: ${error.message}`);
    process.exit(3);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
}

/** Before the hand-over: a cut `npm ci` leaves no stamp and is simply done again. @type {NodeJS.SignalsListener} */
const interrupted = (signal) => {
  stopNpm();
  process.exit(128 + constants.signals[signal]);
};
for (const signal of signals) process.once(signal, interrupted);
try {
  await main(process.argv.slice(2));
  for (const signal of signals) process.off(signal, interrupted);
} catch (error) {
  // The other half may still be at work.
  stopNpm();
  if (!(error instanceof NotReady)) throw error;
  say(error.message);
  process.exit(3);
}
