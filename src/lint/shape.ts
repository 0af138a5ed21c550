import type { Path } from '#lint/finding.ts';

/** A value of a manifest, as a rule reads it: whatever has another shape counts as absent, so no rule can fail on it. */
export type Fields = Readonly<Record<string, unknown>>;

export function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A text that can be read: what SOPS encrypted, or Flux still has to fill in, is none. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && !isEncrypted(value) && !isVariable(value) ? value : undefined;
}

/** A value that SOPS put in the place of the one in clear. */
export function isEncrypted(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith('ENC[');
}

/** A variable of Flux's `postBuild`, or of envsubst: what will stand there is not known here. */
export function isVariable(value: unknown): boolean {
  return typeof value === 'string' && /\$\{[^}]+\}/.test(value);
}

/** Whether something in a value is still to be filled in. */
export function holdsVariable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return isVariable(value);
  return Object.values(value).some(holdsVariable);
}

/** The value at a path, undefined where the path leads nowhere. */
export function at(value: unknown, path: Path): unknown {
  let here = value;
  for (const step of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, step)) return undefined;
    here = (here as Record<string | number, unknown>)[step];
  }
  return here;
}

/** Every object and list in a value, with its path, from the outside in. */
export function* within(value: unknown, path: Path = []): Generator<[Path, object]> {
  if (typeof value !== 'object' || value === null) return;
  yield [path, value];
  const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
  for (const [step, inner] of entries) yield* within(inner, [...path, step]);
}
