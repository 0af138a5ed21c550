import { isMap, isScalar, LineCounter, parseAllDocuments, visit, type Document } from 'yaml';
import type { Finding } from '#lint/finding.ts';
import { lineAt } from '#lint/line-of.ts';
import type { Source } from '#lint/manifest.ts';
import { messageOf } from '#support/errors.ts';

/** Kubernetes reads YAML 1.1, where `yes` is true, but has none of its rarer types. */
const rare = new Set([
  'tag:yaml.org,2002:timestamp',
  'tag:yaml.org,2002:binary',
  'tag:yaml.org,2002:omap',
  'tag:yaml.org,2002:pairs',
  'tag:yaml.org,2002:set',
]);
/** The library compares each key of a map with all others, which takes minutes for a large one: {@link repeatedKey} looks once. */
const options = {
  version: '1.1',
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'silent',
  customTags: (tags: (string | { tag: string; format?: string })[]) =>
    tags.filter((each) => typeof each === 'string' || !(rare.has(each.tag) || each.format === 'TIME')),
} as const;

export interface ReadYaml {
  sources: Source[];
  findings: Finding[];
}

/** The documents of a YAML text; what cannot be read of it is one finding, and is left out. */
export function readYamlText(file: string, text: string): ReadYaml {
  const lines = new LineCounter();
  const refused = (line: number, why: string): ReadYaml => ({ sources: [], findings: [unreadable(file, line, why)] });
  try {
    const documents = parseAllDocuments(text, { ...options, lineCounter: lines } as never) as Document.Parsed[];
    const sources: Source[] = [];
    let offset = 0;
    for (const document of documents) {
      const [broken] = document.errors;
      if (broken) return refused(lineAt(lines, broken.pos[0]), `is no YAML: ${messageOf(broken)}`);
      const repeated = repeatedKey(document);
      if (repeated) return refused(lineAt(lines, repeated.offset), `has the key ${repeated.key} twice in one map`);
      const end = document.range[2];
      sources.push({ file, document, lines, text: text.slice(offset, end), offset, value: plain(document) });
      offset = end;
    }
    return { sources, findings: [] };
  } catch (error) {
    // An alias that would unfold to millions of nodes, a nesting that exhausts the stack, an object that holds itself.
    return refused(1, `cannot be read: ${messageOf(error)}`);
  }
}

/** A file of which nothing was checked. */
export const unreadable = (file: string, line: number, why: string): Finding => ({
  file,
  line,
  path: '',
  rule: 'unreadable',
  severity: 'error',
  why,
  fix: 'mend it: nothing of this file was checked',
});

/** As JSON has it: without objects that several places share, or that hold themselves. */
function plain(document: Document): unknown {
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  const json = JSON.stringify(value);
  return json === undefined ? undefined : JSON.parse(json);
}

function repeatedKey(document: Document): { key: string; offset: number } | undefined {
  let found: { key: string; offset: number } | undefined;
  visit(document, {
    Map(_, map) {
      if (!isMap(map)) return undefined;
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        // `<<` may stand several times: each merges one more.
        if (seen.has(key.value) && key.value !== '<<') {
          found = { key: JSON.stringify(key.value), offset: key.range?.[0] ?? 0 };
          return visit.BREAK;
        }
        seen.add(key.value);
      }
      return undefined;
    },
  });
  return found;
}
