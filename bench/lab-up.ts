// What things cost while a lab stands: one check by id, what witnesses add to a call, and the commands that need no lab.
// node scripts/bootstrap.mjs bench/lab-up.ts LAB
import { resolve } from 'node:path';
import { $ } from 'zx/core';
import { Cluster } from '#lab/cluster.ts';
import { nodeName } from '#lab/engine-objects.ts';
import { kubeconfigOf } from '#lab/record.ts';
import { callFrom } from '#probe/caller.ts';
import { paths } from '#support/paths.ts';
import { loadCatalogue } from '#verdict/catalogue.ts';
import { planScene } from '#verdict/scene-file.ts';
import { deployScene } from '#verdict/scene.ts';
import { Stage } from '#verdict/stage.ts';
import { median, seconds, timed } from './pairs.ts';

const [lab = 'default'] = process.argv.slice(2);
const run = $({ quiet: true, cwd: paths.root });
const rounds = 5;

/** A check on a lab and scene that stand: wall time, and what of it was not the check. */
async function oneCheck(): Promise<void> {
  const walls: number[] = [];
  const shares: number[] = [];
  let memory = 0;
  let dir = '';
  for (let round = 0; round <= rounds; round += 1) {
    const start = performance.now();
    const { stdout } = await run`./meshwitness verify GS-02 --name ${lab} --json`;
    const wall = performance.now() - start;
    const record = JSON.parse(stdout) as { dir: string; peakMemoryMiB?: number; verdicts: { durationMs: number }[] };
    dir = record.dir;
    memory = Math.max(memory, record.peakMemoryMiB ?? Number.NaN);
    if (round === 0) continue; // brings the scene up where it does not stand
    walls.push(wall);
    shares.push(wall - (record.verdicts[0]?.durationMs ?? Number.NaN));
  }
  console.log(
    `verify GS-02        ${seconds(median(walls))}, of which the harness ${seconds(median(shares))}   (under 5 s, under 1 s)`,
  );
  console.log(`  peak memory       ${memory} MiB   (under 300)`);
  await commands(dir);
}

async function commands(dir: string): Promise<void> {
  for (const args of [['list'], ['explain', 'GS-02'], ['replay', resolve(dir)]]) {
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) times.push(await timed(() => run`./meshwitness ${args}`));
    console.log(`${(args[0] ?? '').padEnd(19)} ${seconds(median(times))}   (under 1 s)`);
  }
}

/** The same calls bare, and as probes with all their witnesses gathered. */
async function witnesses(): Promise<void> {
  const check = (await loadCatalogue()).find(({ id }) => id === 'GS-01');
  if (!check) throw new Error('GS-01 is gone');
  const cluster = Cluster.fromFile('main', kubeconfigOf(lab, 'main'), nodeName(lab, 'main'));
  const plan = await planScene('semaphore', check.uses ?? [], 'current');
  await using scene = await deployScene(cluster, plan);
  const url = `http://auth-identity.${plan.names['namespace']}.svc.cluster.local:8081/auth/login`;
  const caller = await scene.fixture('envoy-gateway');
  const calls = 40;
  const bare: number[] = [];
  for (let call = 0; call < calls; call += 1)
    bare.push(await timed(() => callFrom(caller, { id: `mw-bench-${call}`, url })));
  const perProbe: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const signal = new AbortController().signal;
    const stage = new Stage({ check, scene, names: plan.names, manifests: [], signal });
    const whole = await timed(async () => {
      for (let call = 0; call < calls; call += 1)
        await stage.call(`call-${call}`, { from: 'envoy-gateway', to: 'auth-identity', url });
      await stage.evidence([]);
    });
    perProbe.push(whole / calls);
  }
  const added = median(perProbe) - median(bare);
  console.log(`bare call           ${median(bare).toFixed(1)} ms`);
  console.log(`with its witnesses  ${median(perProbe).toFixed(1)} ms: ${added.toFixed(1)} ms more   (at most 10)`);
}

await oneCheck();
await witnesses();
