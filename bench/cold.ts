// Cold: from a fresh clone with empty caches to the first verdict, everything built, as `npm start` does it; beside the sum of
// the same steps one after another. A round takes about 20 min of both cores and 15 GB of disk; what it made is removed again.
// node scripts/bootstrap.mjs bench/cold.ts [--rounds 2] [--parts kind,envoy-current] [--new-machine]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Command, Option } from 'commander';
import { parseDocument } from 'yaml';
import { $ } from 'zx/core';
import { ensureEngine } from '#machine/engine.ts';
import { loadVersions } from '#machine/versions.ts';
import { paths } from '#support/paths.ts';
import { busyCores, mean, seconds, timed } from './pairs.ts';

const {
  parts: named,
  newMachine,
  rounds,
} = new Command('cold')
  .option('--rounds <n>', 'how often both are done; each round in the other order than the one before', Number, 1)
  .option('--parts <names>', 'only these parts, with what they are made from, and no lab', (text: string) =>
    text.split(','),
  )
  .addOption(
    new Option(
      '--new-machine',
      'this machine has made nothing yet: the first half is `npm start`, and fills its own caches, which stay',
    ).conflicts('rounds'),
  )
  .parse()
  .opts<{ parts?: string[]; newMachine?: true; rounds: number }>();
const lab = 'bench-cold';
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

/** Durations in milliseconds, by the name of the step. */
type Steps = Map<string, number>;

/** One way of doing it. */
interface Half {
  /** Milliseconds to the first verdict. */
  total: number;
  /** How many cores were busy meanwhile. */
  cores: number;
  steps: Steps;
}

/** A clone with caches of its own, removed with every image that was made in it. */
interface Cold extends AsyncDisposable {
  folder: string;
  env: NodeJS.ProcessEnv;
  /** What the records of its parts say: name, reference of an image, how long it took to make. */
  records: () => Promise<PartMade[]>;
}

interface PartMade {
  part: string;
  reference?: string;
  buildMs: number;
}

async function cold(ofMachine = false): Promise<Cold> {
  const home = await mkdtemp(join(tmpdir(), 'mw-cold-'));
  const folder = resolve(home, 'clone');
  try {
    await $({ quiet: true })`git clone --quiet ${paths.root} ${folder}`;
    if (!ofMachine) await makeOther(folder);
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
  const env = ofMachine ? process.env : emptyCaches(home);
  const records = async () => {
    const made = resolve(ofMachine ? paths.cache : resolve(home, 'cache/meshwitness'), 'parts');
    const names = (await readdir(made).catch(() => [])).filter((name) => !name.startsWith('.'));
    const texts = names.map((name) => readFile(resolve(made, name, 'part.json'), 'utf8'));
    return (await Promise.all(texts)).map((text) => JSON.parse(text) as PartMade);
  };
  const remove = async () => {
    const run = $({ quiet: true, nothrow: true, cwd: folder, env });
    if (!named) await run`./meshwitness down --name ${lab}`;
    if (ofMachine) return rm(home, { recursive: true, force: true });
    const images = (await records()).flatMap(({ reference }) => reference ?? []);
    for (const image of images) await run`docker image rm ${image}`;
    await run`go clean -modcache`; // its files cannot be removed otherwise, but by root
    await rm(home, { recursive: true, force: true });
  };
  return { folder, env, records, [Symbol.asyncDispose]: remove };
}

/**
 * The engine keeps images of other clones, and what was built before must not be found. A part is known by the hash of its
 * recipe, or of its packages in their order: this changes the hash of each and nothing of what comes out.
 */
async function makeOther(clone: string): Promise<void> {
  const recipes = resolve(clone, 'kind/images');
  for (const each of await readdir(recipes, { withFileTypes: true }))
    if (each.isDirectory()) await writeFile(resolve(recipes, each.name, 'bench-cold'), clone);
  const file = resolve(clone, 'kind/versions.yaml');
  const document = parseDocument(await readFile(file, 'utf8'));
  for (const [part, spec] of Object.entries((await loadVersions()).parts)) {
    if (spec.build !== 'mmdebstrap') continue;
    const order = new Map(spec.packages.map((each) => [each, Math.random()]));
    const shuffled = spec.packages.toSorted((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
    document.setIn(['parts', part, 'packages'], shuffled);
  }
  await writeFile(file, document.toString());
}

/** The environment of a person whose caches are empty: none of this machine's is read or written. */
function emptyCaches(home: string): NodeJS.ProcessEnv {
  const { NODE_COMPILE_CACHE: _ours, PATH = '', ...env } = process.env;
  // The Node.js that the bootstrap installed is in front, and must be installed again.
  const ours = process.execPath.startsWith(paths.cache) ? dirname(process.execPath) : undefined;
  return {
    ...env,
    PATH: PATH.split(delimiter)
      .filter((each) => each !== ours)
      .join(delimiter),
    XDG_CACHE_HOME: resolve(home, 'cache'),
    GOPATH: resolve(home, 'go'),
    GOMODCACHE: resolve(home, 'go/pkg/mod'),
    GOCACHE: resolve(home, 'go-build'),
    npm_config_cache: resolve(home, 'npm'),
    PIP_CACHE_DIR: resolve(home, 'pip'),
  };
}

/** How a person asks for verdicts, and whether they wait for the end. */
interface Asked {
  command: readonly [string, ...string[]];
  toTheEnd: boolean;
}

const smoke: Asked = {
  command: ['./meshwitness', 'verify', '--profile', 'smoke', '--name', lab, '--source', 'build'],
  toTheEnd: false,
};

/** Runs what is asked until its first verdict, or on to its end, which must be a good one. @returns milliseconds to the verdict */
async function firstVerdict({ folder, env }: Cold, { command, toTheEnd }: Asked): Promise<number> {
  const start = performance.now();
  const [program, ...args] = command;
  const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'close') as Promise<[number | null]>;
  const interrupt = () => void child.kill('SIGINT');
  stop.signal.addEventListener('abort', interrupt);
  let took: number | undefined;
  const last: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    last.splice(0, Math.max(0, last.length - 5));
    last.push(line);
    console.error(`${seconds(performance.now() - start).padStart(10)}  ${line}`);
    if (took !== undefined || !/^\S (pass|fail|inconclusive|unsupported) /.test(line)) continue;
    took = performance.now() - start;
    if (!toTheEnd) interrupt();
  }
  const [code] = await ended;
  stop.signal.throwIfAborted();
  if (took === undefined) throw new Error(`no verdict came:\n${last.join('\n')}`);
  if (toTheEnd) console.log(`exit code ${code} after ${seconds(performance.now() - start)}`);
  if (toTheEnd && code !== 0) throw new Error(`${command.join(' ')} did not end well`);
  return took;
}

/** As it is: parts are made beside each other. On a new machine it is `npm start` itself, to its end. */
async function asItIs(): Promise<Half> {
  await using clone = await cold(newMachine);
  const run = $({ quiet: true, cwd: clone.folder, env: clone.env, signal: stop.signal });
  const asked: Asked = newMachine ? { command: ['npm', 'start'], toTheEnd: true } : smoke;
  const busy = busyCores();
  const total = named ? await timed(() => run`./meshwitness images build ${named}`) : await firstVerdict(clone, asked);
  const records = await clone.records();
  return { total, cores: busy(), steps: new Map(records.map(({ part, buildMs }) => [part, buildMs])) };
}

/** The same steps, one after another. */
async function inTurn(): Promise<Half> {
  await using clone = await cold();
  const run = $({ quiet: true, cwd: clone.folder, env: clone.env, signal: stop.signal });
  const steps: Steps = new Map();
  const busy = busyCores();
  steps.set('npm packages, Node.js', await timed(() => run`./meshwitness --help`));
  const { stdout } = await run`node scripts/bootstrap.mjs bench/cold-parts.ts ${named ?? []}`;
  for (const line of stdout.trim().split('\n')) {
    const { part, ms } = JSON.parse(line) as { part: string; ms: number };
    steps.set(part, ms);
  }
  if (!named) {
    steps.set('cluster and Istio', await timed(() => run`./meshwitness up --name ${lab}`));
    steps.set('scene and check', await firstVerdict(clone, smoke));
  }
  return { total: [...steps.values()].reduce((sum, ms) => sum + ms, 0), cores: busy(), steps };
}

try {
  await compare();
} catch (error) {
  if (!stop.signal.aborted) throw error;
  process.exitCode = 130;
}

async function compare(): Promise<void> {
  // An engine that a clone's half starts would lose its files with the clone.
  if (!newMachine) await ensureEngine({ say: (line) => console.error(line), signal: stop.signal });
  const [together, apart]: [Half[], Half[]] = [[], []];
  const ways = [
    { name: 'as it is', run: asItIs, halves: together },
    { name: 'one after another', run: inTurn, halves: apart },
  ];
  for (let round = 0; round < rounds; round += 1)
    // A machine that gets slower or faster in between does so for both.
    for (const { name, run, halves } of round % 2 === 0 ? ways : ways.toReversed()) {
      const half = await run();
      halves.push(half);
      console.log(`${name.padEnd(20)}${seconds(half.total)}   ${half.cores.toFixed(2)} cores busy`);
    }
  const stepOf = (halves: Half[], step: string) => mean(halves.flatMap(({ steps }) => steps.get(step) ?? []));
  for (const step of apart[0]?.steps.keys() ?? []) {
    const beside = stepOf(together, step);
    const also = Number.isNaN(beside) ? '' : `   beside others ${seconds(beside)}`;
    console.log(`  ${step.padEnd(26)} ${seconds(stepOf(apart, step)).padStart(8)}${also}`);
  }
  const totalOf = (halves: Half[]) => mean(halves.map(({ total }) => total));
  console.log(`ratio               ${(totalOf(together) / totalOf(apart)).toFixed(2)}   (at most 0.90)`);
}
