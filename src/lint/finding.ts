/** An error breaks the set-up or its secrecy; a warning is a hole that the installed API cannot close, or a doubt. */
export type Severity = 'error' | 'warning';

/** One thing that is wrong with a repository, and what to do about it. */
export interface Finding {
  /** Path below the folder that was linted, with slashes. */
  file: string;
  /** Counted from 1. */
  line: number;
  /** Field, such as `spec.authorization.rules[0].principal`; empty where the whole file is meant. */
  path: string;
  rule: string;
  severity: Severity;
  /** What is wrong, and what comes of it. */
  why: string;
  /** What to write in its place. */
  fix: string;
}

export type Path = readonly (string | number)[];

/** `spec.rules[0].name`, with quotes around a key that holds dots or slashes. */
export function pathText(path: Path): string {
  return path
    .map((step, at) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!/^[\w-]+$/.test(step)) return `[${JSON.stringify(step)}]`;
      return at === 0 ? step : `.${step}`;
    })
    .join('');
}

/** In the order in which a person walks through files. */
export function sorted(findings: readonly Finding[]): Finding[] {
  return findings.toSorted(
    (a, b) =>
      compare(a.file, b.file) ||
      a.line - b.line ||
      compare(a.rule, b.rule) ||
      compare(a.path, b.path) ||
      compare(a.why, b.why),
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
