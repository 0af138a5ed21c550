// Fifty people at once: half of them on the list, each with a browser of its own, through one gateway.
// node scripts/bootstrap.mjs bench/logins.ts LAB   (a lab that stands with Envoy Gateway: any login check kept it)
import { Cluster } from '#lab/cluster.ts';
import { nodeName } from '#lab/engine-objects.ts';
import { kubeconfigOf } from '#lab/record.ts';
import { app1, gateway, listed, visit } from '#suites/oauth-allowlist/homelab.ts';
import { loadCatalogue } from '#verdict/catalogue.ts';
import { planRun } from '#verdict/plan.ts';
import { deployScene } from '#verdict/scene.ts';
import { Stage } from '#verdict/stage.ts';
import { median, seconds, timed } from './pairs.ts';

const [lab = 'default'] = process.argv.slice(2);
const people = 50;

const check = (await loadCatalogue()).find(({ id }) => id === 'OA-05');
if (!check) throw new Error('OA-05 is gone');
const { groups } = await planRun([check], [], lab);
const [group] = groups;
const [planned] = group?.checks ?? [];
if (!group || !planned) throw new Error('nothing to stand on');
const cluster = Cluster.fromFile('main', kubeconfigOf(lab, 'main'), nodeName(lab, 'main'));
await using scene = await deployScene(cluster, group.plan);
const { names, manifests } = planned;
const stage = new Stage({ check, scene, names, manifests, signal: new AbortController().signal });
await stage.open();
try {
  await stage.apply('policy');
  const everybody = Array.from({ length: people }, (_, index) => index);
  const took = await timed(() =>
    Promise.all(
      everybody.map((index) => {
        const user = index % 2 === 0 ? listed : `stranger-${index}@example.com`;
        return stage.visit(`person-${index}`, visit(user, { jar: `person-${index}` }));
      }),
    ),
  );
  const { probes } = await stage.evidence([]);
  const asTheyShould = probes.filter(({ client, visit: way, accessLog = [], receipts = [] }, index) => {
    const letIn = index % 2 === 0;
    const logged = accessLog.some(
      ({ proxy, entry }) => proxy.workload === gateway && entry.responseCode === client.status,
    );
    const there = way?.hops.at(-1)?.url === app1;
    return there && logged && client.status === (letIn ? 200 : 403) && receipts.length === (letIn ? 1 : 0);
  }).length;
  console.log(`${people} people at once   ${seconds(took)}, ${asTheyShould} of them as they should, by all witnesses`);
  console.log(
    `  browser's own      ${median(probes.map(({ visit: way }) => way?.ownMs ?? Number.NaN)).toFixed(0)} ms a login   (at most 150)`,
  );
  if (asTheyShould < people) process.exitCode = 1;
} finally {
  await stage.close();
}
