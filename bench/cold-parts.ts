// Makes parts one after another, nothing beside anything else, and prints `{part, ms}` a line: the sum that bench/cold.ts
// compares with. node scripts/bootstrap.mjs bench/cold-parts.ts [PARTS]: without any, what the smoke checks need.
import { addOnParts } from '#install/add-ons.ts';
import { istioPartNames, nodeImageFor } from '#install/istio-parts.ts';
import { ensureParts } from '#machine/parts.ts';
import { expandSets, ingredientsOf, loadVersions, specOf } from '#machine/versions.ts';
import { loadCatalogue, select } from '#verdict/catalogue.ts';
import { planRun } from '#verdict/plan.ts';
import { timed } from './pairs.ts';

const versions = await loadVersions();
const named = process.argv.slice(2);
const inOrder = new Set<string>();
/** What a part is made from comes before it. */
const visit = (part: string): void => {
  for (const ingredient of ingredientsOf(specOf(versions, part))) visit(ingredient.part);
  inOrder.add(part);
};
expandSets(versions, named.length > 0 ? named : await wantedBySmoke()).forEach(visit);

for (const part of inOrder) {
  const ms = await timed(() => ensureParts([part], { source: 'build' }));
  console.log(JSON.stringify({ part, ms: Math.round(ms) }));
}
process.exit();

/** As `verify --profile smoke` would have them made. */
async function wantedBySmoke(): Promise<string[]> {
  const { parts, needs } = await planRun(select(await loadCatalogue(), [], 'smoke'), ['current'], 'bench-cold');
  return ['kind', nodeImageFor(['current']), ...istioPartNames(['current']), ...parts, ...addOnParts(needs)];
}
