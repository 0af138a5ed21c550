import { spawn } from 'node:child_process';
import { NotReady } from './tell.mjs';

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

/** Ends what `npm` started and is not done. What it leaves is made anew by the next start. */
export function stopNpm() {
  for (const child of running) child.kill();
}

/**
 * Runs npm quietly.
 * @param {string[]} args
 * @param {string} cwd
 * @param {string} what what npm was to do, as it reads after "cannot"
 * @param {(pid: number) => Promise<void>} onStart told npm's process id
 * @throws {NotReady} one line that names the cause, when npm is missing or fails
 */
export async function npm(args, cwd, what, onStart) {
  const quick = [
    '--no-fund',
    '--no-audit',
    '--no-update-notifier',
    '--loglevel=error',
    '--fetch-retry-mintimeout=1000',
  ];
  const child = spawn('npm', [...args, ...quick], {
    cwd,
    env: cleanEnvironment(process.env),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running.add(child);
  if (child.pid !== undefined) void onStart(child.pid);
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (complaints = (complaints + text).slice(-20_000)));
  const code = await new Promise((done, failed) => {
    child.on('error', failed);
    child.on('close', done);
  }).catch((error) => {
    throw new NotReady(
      error.code === 'ENOENT'
        ? `cannot ${what}: npm is missing; install it, on Debian and Ubuntu with: apt-get install npm`
        : `cannot ${what}: ${error.message}`,
    );
  });
  running.delete(child);
  if (code !== 0) throw new NotReady(`cannot ${what}: ${cause(complaints) ?? `npm ended with exit code ${code}`}`);
}

/**
 * What npm itself sets for its scripts (`npm start`) would steer a nested npm to the wrong folder.
 * @param {NodeJS.ProcessEnv} env
 */
export function cleanEnvironment(env) {
  const ours =
    /^npm_(package|lifecycle|command|execpath|node_execpath|config_(local_prefix|prefix|global|omit|include|production))/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name) && name !== 'NODE_ENV'));
}

/**
 * The cause in npm's complaints, on one line.
 * @param {string} complaints
 * @returns {string | undefined}
 */
export function cause(complaints) {
  const network = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH)\b/.exec(
    complaints,
  );
  if (network)
    return `the npm registry cannot be reached (${network[1]}); check the network, or: npm config get registry`;
  if (/\bENOSPC\b/.test(complaints)) return 'the disk is full (ENOSPC)';
  const lines = complaints.split('\n').map((line) => line.replace(/^npm (error|ERR!)\s*/, '').trim());
  return lines.find((line) => line !== '' && !/^(code|errno|syscall|path) /.test(line) && !line.startsWith('npm warn'));
}
