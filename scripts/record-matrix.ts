// `node scripts/bootstrap.mjs scripts/record-matrix.ts reports/<run>`: writes the cluster names that a run of GS-07 measured
// into the table that the check compares with, for each Istio version of the run. Read the difference before you commit it.
import { globSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { format } from 'prettier';
import { evidence } from '#support/evidence.ts';
import { paths } from '#support/paths.ts';

const table = resolve(paths.suites, 'gateway-switch/gs-07-port-protocol-matrix.json');
const [run = ''] = new Command('record-matrix')
  .description('Take the measured matrix of GS-07 as the expected one')
  .argument('<run>', 'report folder')
  .parse().args;

const expected = JSON.parse(await readFile(table, 'utf8')) as Record<string, Record<string, string>>;
for (const file of globSync(resolve(run, 'evidence/GS-07.istio-*.json'))) {
  const { product = '', probes } = evidence.parse(JSON.parse(await readFile(file, 'utf8')));
  const cells = probes
    .filter(({ role }) => role === 'subject')
    .map(({ name, from, request, accessLog = [] }) => {
      const { hostname, port } = new URL(request.url);
      const line = accessLog.find(({ proxy }) => proxy.workload === from && proxy.side === 'source');
      const cluster = line?.entry.upstreamCluster?.replace(/;$/, '') ?? 'no line';
      return [name, cluster.replace(`|${port}|`, '|${port}|').replace(hostname, '${host}')];
    });
  expected[product] = Object.fromEntries(cells) as Record<string, string>;
  console.log(`${product}: ${cells.length} cells from ${file}`);
}
await writeFile(table, await format(JSON.stringify(expected), { parser: 'json' }));
