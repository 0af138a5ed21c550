const from = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const to = 'bcdefghijklmnopqrstuvwxyzaBCDEFGHIJKLMNOPQRSTUVWXYZA1234567890';

/** A value whose letters and digits are each the next of their kind, as the browser of the fixture server alters it. */
export function altered(value: string): string {
  const pieces = value.match(/%[\da-f]{2}|[^]/gi) ?? [];
  return pieces.map((each) => (each.length === 1 ? to[from.indexOf(each)] : undefined) ?? each).join('');
}

/** An address with one of its parameters altered; the same one if it has none of that name. */
export function withAltered(address: URL, parameter: string): URL {
  const value = address.searchParams.get(parameter);
  if (value === null) return address;
  const changed = new URL(address);
  changed.searchParams.set(parameter, altered(value));
  return changed;
}
