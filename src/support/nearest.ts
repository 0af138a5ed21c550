import { closest, distance } from 'fastest-levenshtein';

/** `did you mean GS-02?` when one of the known words is close to the one typed, else undefined. */
export function nearest(typed: string, known: readonly string[], lead: string): string | undefined {
  if (known.length === 0) return undefined;
  const word = closest(
    typed.toLowerCase(),
    known.map((each) => each.toLowerCase()),
  );
  const match = known.find((each) => each.toLowerCase() === word);
  return match && distance(typed.toLowerCase(), word) <= Math.max(2, typed.length / 3)
    ? `${lead} ${match}?`
    : undefined;
}
