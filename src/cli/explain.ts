import { Command } from 'commander';
import pc from 'picocolors';
import { addOnParts } from '#install/add-ons.ts';
import { productName } from '#install/channel.ts';
import { reproduce } from '#cli/verify-record.ts';
import { loadChecks, selectOne, type CataloguedCheck } from '#verdict/catalogue.ts';
import { manifestText, partsOf, planRun } from '#verdict/plan.ts';

/** `explain ID`: what a check sets up, sends and expects, and why; from its files only. */
export function explainCommand(): Command {
  return new Command('explain')
    .description('what one check sets up, sends and expects, and why')
    .argument('<id>', 'id of a check, such as GS-02')
    .action(async (id: string) => {
      console.log(await explanation(selectOne(await loadChecks([id]), id)));
    });
}

/** The story of a check, as a person reads it who does not know the code. */
export async function explanation(check: CataloguedCheck): Promise<string> {
  const { id, title, level, system, tags, needs, story, scene, uses = [], tools = [], channels, twins } = check;
  const plan = await planRun([check], [channels?.[0] ?? 'current'], 'default');
  const images = [...(await partsOf(check)), ...addOnParts(needs)];
  const [planned] = [...plan.groups.flatMap((group) => group.checks), ...plan.alone.map((each) => each.planned)];
  const manifest = await manifestText(check, planned?.names ?? {});
  const parts: [string, string][] = [
    ['Set up', story.setUp],
    ['Sends', story.sends],
    ['Expects', story.expects],
    ['Why', story.why],
    ['Stands on', scene === undefined ? 'nothing: it brings its own' : `scene ${scene}: ${uses.join(', ')}`],
    ['Needs', needs.length === 0 ? 'nothing beyond a lab' : needs.join(', ')],
    ...(images.length === 0 ? [] : [['Images', images.join(', ')] satisfies [string, string]]),
    ...(tools.length === 0 ? [] : [['Programs', tools.join(', ')] satisfies [string, string]]),
    ...(channels ? [['Decided by', channels.map(productName).join(', ')] satisfies [string, string]] : []),
    ...twins.map(({ name, sabotage, breaks, on }): [string, string] => [
      `Twin ${name}`,
      `${sabotage} The check must turn red by ${breaks}${on === undefined ? '' : ` on ${on}`}.`,
    ]),
  ];
  const [twin] = twins;
  return [
    pc.bold(`${id}  ${title}`),
    pc.dim([level, system, ...tags].join(' · ')),
    ...parts.map(([head, text]) => `\n${pc.bold(head)}\n${text}`),
    ...(manifest === undefined ? [] : [`\n${pc.bold('Applies')}\n${manifest.trimEnd()}`]),
    `\n${pc.bold('Run it')}\n${reproduce(id, planned?.channel)} --twins`,
    ...(twin ? [`${reproduce(id, planned?.channel)} --sabotage ${twin.name}   (see it fail)`] : []),
  ].join('\n');
}
