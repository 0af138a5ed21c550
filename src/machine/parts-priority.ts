import type { Slots } from '#machine/build-slots.ts';
import { ingredientsOf, specOf, type Versions } from '#machine/versions.ts';

/** How urgent the work on a part is, in each kind of slot; the higher goes first. */
export type Priorities = Readonly<Record<keyof Slots, number>>;

/**
 * How urgent each part is, by the seconds that come after: of the longest chain of parts made from it, and for a download
 * also those of its own making. Where one thing is done at a time, whatever has the most to come goes first, however long it
 * takes itself (Jackson's rule): what is compiled last then has the least left to wait for it.
 *
 * @param names the parts wanted in the end
 */
export function prioritiesOf(versions: Versions, names: readonly string[]): Map<string, Priorities> {
  const priorities = new Map<string, Priorities>();
  const visit = (part: string, after: number) => {
    if (after <= (priorities.get(part)?.compile ?? -1)) return;
    const spec = specOf(versions, part);
    const download = spec.expectedSeconds + after;
    priorities.set(part, { download, compile: after, image: after });
    for (const { part: ingredient } of ingredientsOf(spec)) visit(ingredient, download);
  };
  for (const name of names) visit(name, 0);
  return priorities;
}
