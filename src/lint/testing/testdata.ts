import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { paths } from '#support/paths.ts';

export const testdata = resolve(paths.root, 'src/lint/testdata');

/** `file:line ID` of every line of a tree that ends with `# <- ID`, in the order of findings. */
export function marksIn(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
  return files.toSorted().flatMap((file) =>
    readFileSync(join(folder, file), 'utf8')
      .split('\n')
      .flatMap((line, at) => {
        const [, rule] = /# <- (\S+)$/.exec(line) ?? [];
        return rule === undefined ? [] : [`${file}:${at + 1} ${rule}`];
      }),
  );
}
