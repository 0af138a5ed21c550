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
    return redactText(page); // text in brackets, or JSON that was cut
  }
  return `${JSON.stringify(redactJson(parsed), undefined, 1)}\n`;
}
