// What the outside issuer costs with 200 proxies, two streams each: time to be ready, memory, time until all have a new pair.
// node scripts/bootstrap.mjs bench/sds.ts [PROXIES] [RENEWALS]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { IssuerState } from '#fixtures/server/protocol-issuer.ts';
import { type SdsClient, openStream } from '#fixtures/server/testing/sds-client.ts';
import { paths } from '#support/paths.ts';
import { median, timed } from './pairs.ts';

const proxies = Number(process.argv[2] ?? 200);
const rounds = Number(process.argv[3] ?? 5);
const names = Array.from({ length: proxies }, (_, index) => `proxy-${index + 1}`);
const kinds = ['sotw', 'delta'] as const;

/** Resident memory of a process in MB: all of it, and without the pages of the program file, which all of its kind share. */
async function memoryOf(pid: number): Promise<{ all: number; own: number }> {
  let [all, binary, path] = [0, 0, ''];
  for (const line of (await readFile(`/proc/${pid}/smaps`, 'utf8')).split('\n')) {
    const mapping = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+\s*(.*)$/.exec(line);
    if (mapping) path = mapping[1] ?? '';
    const resident = Number(/^Rss:\s+(\d+) kB/.exec(line)?.[1] ?? 0) / 1000;
    all += resident;
    if (path === process.execPath) binary += resident;
  }
  return { all, own: all - binary };
}

const folder = await mkdtemp(resolve(tmpdir(), 'sds-bench-'));
const config = resolve(folder, 'issuer.json');
const identities = names.map((name) => ({ name, spiffeId: `spiffe://cluster.local/ns/bench/sa/${name}` }));
await writeFile(
  config,
  JSON.stringify({ dir: folder, lifetimeSeconds: 3600, trustDomain: 'cluster.local', identities }),
);
// Flags and environment as in the image's Dockerfile.
const main = resolve(paths.root, 'fixtures/server/main.ts');
const issuer = spawn(process.execPath, ['--max-semi-space-size=2', main, 'sds', '--config', config, '--admin', '0'], {
  stdio: ['ignore', 'pipe', 'inherit'],
  env: { ...process.env, MALLOC_ARENA_MAX: '1' },
});
const streams: SdsClient[] = [];
try {
  const [line] = (await once(createInterface(issuer.stdout), 'line')) as [string];
  const { startMs, ports } = JSON.parse(line) as { startMs: number; ports: { admin: [number] } };
  console.log(`ready                ${startMs} ms with ${proxies} identities`);
  const admin = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const response = await fetch(`http://127.0.0.1:${ports.admin[0]}${path}`, { method, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
    return (await response.json()) as T;
  };
  const pid = issuer.pid as number;
  console.log(`memory, no streams   ${told(await memoryOf(pid))}`);

  // As Envoy does: a stream for each secret.
  const leaves: SdsClient[] = [];
  for (const [index, name] of names.entries()) {
    for (const secret of ['default', 'ROOTCA']) {
      const stream = openStream(
        resolve(folder, name, 'socket'),
        kinds[index % 2] as 'sotw' | 'delta',
        `sidecar~${name}`,
      );
      stream.subscribe([secret]);
      stream.acknowledge(await stream.next());
      streams.push(stream);
      if (secret === 'default') leaves.push(stream);
    }
  }
  console.log(`memory, ${streams.length} streams  ${told(await memoryOf(pid))}   (under 100 MB without the binary)`);

  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    times.push(
      await timed(async () => {
        const took = leaves.map(async (stream) => stream.acknowledge(await stream.next()));
        await Promise.all([admin('POST', '/issuer/restart-course', { identity: names }), ...took]);
      }),
    );
  }
  console.log(
    `renewal of all       ${Math.round(median(times))} ms until each proxy has its new pair, ${rounds} times`,
  );
  console.log(`memory after that    ${told(await memoryOf(pid))}`);
  const { identities: all } = await admin<IssuerState>('GET', '/issuer');
  const open = all.flatMap((each) => each.streams).filter(({ closedAt }) => closedAt === undefined);
  console.log(
    `the issuer says      ${open.length} streams open, ${all.reduce((sum, { issued }) => sum + issued, 0)} issued`,
  );
} finally {
  for (const stream of streams) stream[Symbol.dispose]();
  issuer.kill('SIGTERM');
  await once(issuer, 'exit');
  await rm(folder, { recursive: true, force: true });
}

function told({ all, own }: { all: number; own: number }): string {
  return `${own.toFixed(1)} MB (with the binary ${all.toFixed(1)} MB)`;
}
