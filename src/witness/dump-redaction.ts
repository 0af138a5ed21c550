import { redactJson, redactText } from '#support/redact.ts';

/**
 * A page of an Envoy's admin port without key material. Pages are redacted by the names of their fields where they are JSON,
 * else by the look of the text; certificates, which are public, stay.
 */
export function withoutKeyMaterial(page: string): string {
  if (!/^\s*[[{]/.test(page)) return redactText(page);
  let parsed: unknown;
  try {
    parsed = JSON.parse(page);
  } catch {
    // Where key material stands cannot be told any more, so none of it is kept.
    return `a page of ${page.length} characters was cut off, and left out\n`;
  }
  return `${JSON.stringify(redactJson(parsed), undefined, 1)}\n`;
}
