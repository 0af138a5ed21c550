import { ingredientsOf, specOf, type Versions } from '#machine/versions.ts';

/**
 * How urgent each part is: the seconds that it and the longest chain of parts made from it will take.
 * Working on the most urgent first finishes the whole soonest.
 *
 * @param names the parts wanted in the end
 */
export function prioritiesOf(versions: Versions, names: readonly string[]): Map<string, number> {
  const seconds = new Map<string, number>();
  const visit = (part: string, after: number) => {
    const spec = specOf(versions, part);
    const mine = spec.expectedSeconds + after;
    if (mine <= (seconds.get(part) ?? -1)) return;
    seconds.set(part, mine);
    for (const { part: ingredient } of ingredientsOf(spec)) visit(ingredient, mine);
  };
  for (const name of names) visit(name, 0);
  return seconds;
}
