// First thing that runs on a fresh clone: `node scripts/bootstrap.mjs ENTRY [ARGS]`. It has no dependencies and works on
// Node.js 20. It makes sure of the npm packages and of a Node.js that runs TypeScript as it is, then runs ENTRY (a path from
// the root of the repository): in this process, where this Node.js will do; else it starts itself again in one that does,
// passing signals in and the exit code out.
import { spawn } from 'node:child_process';
import module from 'node:module';
import { constants } from 'node:os';
import { delimiter, dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureDependencies } from './bootstrap/dependencies.mjs';
import { cacheFolder } from './bootstrap/folders.mjs';
import { ensureNode, rememberNode } from './bootstrap/node.mjs';
import { stopNpm } from './bootstrap/npm.mjs';
import { NotReady, say } from './bootstrap/tell.mjs';

const root = resolve(import.meta.dirname, '..');
const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
const commandLine = 'src/cli/main.ts';

/** @param {string[]} argv entry and its arguments */
async function main([entry, ...args]) {
  if (entry === undefined) throw new NotReady('usage: node scripts/bootstrap.mjs ENTRY [ARGS]');
  const cache = cacheFolder();
  process.env.NODE_COMPILE_CACHE ??= resolve(cache, 'node/compiled');
  // Not there in Node.js 20.
  module.enableCompileCache?.(process.env.NODE_COMPILE_CACHE);
  const scope = entry === commandLine ? 'run' : 'all';
  const [node, stamp] = await Promise.all([ensureNode(root, cache), ensureDependencies(root, cache, scope)]);
  const flags = flagsFor(entry);
  if (node !== process.execPath || !flags.every((flag) => process.execArgv.includes(flag))) {
    await rememberNode(root, node);
    return handOver(node, [...flags, import.meta.filename, entry, ...args]);
  }
  if (entry === commandLine && process.env.MESHWITNESS_DEBUG !== '1') {
    const { useLibraries } = await import('./bootstrap/libraries.mjs');
    await useLibraries(root, stamp);
  }
  for (const signal of signals) process.off(signal, interrupted);
  // Tools that name `node` in their first line must find this one.
  process.env.PATH = `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`;
  const file = resolve(root, entry);
  process.argv.splice(1, 2, file);
  await import(pathToFileURL(file).href);
}

/**
 * The harness shares its machine with clusters. Left alone, V8 takes what the machine has before it collects anything; it
 * lives well in this (young generation 4 MiB, old one 256 MiB). The launcher knows these flags too.
 *
 * @type {(entry: string) => string[]}
 */
const flagsFor = (entry) => [
  '--disable-warning=ExperimentalWarning',
  ...(entry === commandLine ? ['--max-semi-space-size=4', '--max-old-space-size=256'] : []),
];

/** @type {(node: string, args: string[]) => void} */
function handOver(node, args) {
  const child = spawn(node, args, { stdio: 'inherit' });
  for (const signal of signals) process.off(signal, interrupted);
  // A terminal sends Ctrl-C to both of us, so the child may see it twice. A process that was signalled by id needs us.
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    say(`cannot start ${node}: ${error.message}`);
    process.exit(3);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
}

/** Before the hand-over: a cut `npm ci` leaves no stamp and is simply done again. @type {NodeJS.SignalsListener} */
function interrupted(signal) {
  stopNpm();
  process.exit(128 + constants.signals[signal]);
}
for (const signal of signals) process.on(signal, interrupted);
try {
  await main(process.argv.slice(2));
} catch (error) {
  // The other half may still be at work.
  stopNpm();
  if (!(error instanceof NotReady)) throw error;
  say(error.message);
  process.exit(3);
}
