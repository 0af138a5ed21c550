import { accessLogEntry, type AccessLogEntry } from '#support/evidence.ts';

const numeric = new Set(['responseCode', 'attemptCount', 'durationMs']);

/**
 * Reads one line of a proxy container's log.
 *
 * @returns the entry, or undefined for lines that are no access log (pilot-agent and Envoy write there too)
 */
export function parseAccessLogLine(line: string): AccessLogEntry | undefined {
  if (!line.startsWith('{') || !line.includes('"startTime"')) return undefined;
  let raw: unknown;
  try {
    raw = JSON.parse(line);
  } catch {
    return undefined; // a line cut by a rotation
  }
  if (typeof raw !== 'object' || raw === null) return undefined;
  const entry: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(raw)) {
    if (value === null || value === '-' || value === '') continue;
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
    entry[key] = numeric.has(key) ? Number(text) : text;
  }
  entry['responseCode'] ??= 0;
  const parsed = accessLogEntry.safeParse(entry);
  return parsed.success ? parsed.data : undefined;
}
