import { readFile } from 'node:fs/promises';
import { posix, resolve } from 'node:path';
import { $ } from 'zx/core';
import { masked } from '#lint/addresses.ts';
import { clearAddresses } from '#lint/clear-addresses.ts';
import type { Finding } from '#lint/finding.ts';
import { lineAt } from '#lint/line-of.ts';
import { manifestsOf } from '#lint/manifest.ts';
import { isPolicy } from '#lint/policy.ts';
import { readYamlText } from '#lint/read-yaml.ts';
import { blobsOf } from '#lint/git-blobs.ts';

/**
 * OA-D10 for what was committed once: an address that stood in clear in any version of a policy is still told by the
 * repository's history. One finding a path, at its first such version; the versions of now are left to the rule itself.
 *
 * @param root of the linted folder; what stands outside of it does not count
 * @returns nothing where the folder is in no git repository
 */
export async function addressesInHistory(root: string, signal?: AbortSignal): Promise<Finding[]> {
  const git = $({
    cwd: root,
    quiet: true,
    nothrow: true,
    ...(signal && { signal }),
    env: { ...process.env, GIT_OPTIONAL_LOCKS: '0' },
  });
  const prefix = await git`git rev-parse --show-prefix`;
  if (!prefix.ok) return [];
  const listed = await git`git rev-list --objects --all --full-history -- .`;
  const paths = new Map<string, string>();
  for (const line of listed.stdout.split('\n')) {
    const path = posix.relative(prefix.stdout.trim(), line.slice(41));
    if (/\.ya?ml$/i.test(path)) paths.set(line.slice(0, 40), path);
  }
  const versions = new Map<string, { count: number; finding: Finding; blob: string }>();
  for await (const { id, content } of blobsOf(git, [...paths.keys()])) {
    const file = paths.get(id) ?? '';
    const finding = tellingVersion(file, content);
    if (finding === undefined || (await isCurrent(root, file, content))) continue;
    const known = versions.get(file);
    versions.set(file, { count: (known?.count ?? 0) + 1, finding: known?.finding ?? finding, blob: known?.blob ?? id });
  }
  return Promise.all(
    [...versions.values()].map(async ({ count, finding, blob }) => {
      const commit = (await git`git log --all --find-object=${blob} --format=%h -1`).stdout.trim();
      return {
        ...finding,
        why: `${count === 1 ? 'an earlier version' : `${count} earlier versions`} of the policy, the newest of commit ${commit || blob.slice(0, 12)}, ${finding.why}`,
      };
    }),
  );
}

/** Whether the file in the tree is that very version: then it has a finding of its own. */
async function isCurrent(root: string, file: string, content: string): Promise<boolean> {
  return (await readFile(resolve(root, file), 'utf8').catch(() => undefined)) === content;
}

function tellingVersion(file: string, content: string): Finding | undefined {
  // Most versions hold no address, and need not be parsed.
  if (!content.includes('SecurityPolicy') || !content.includes('@')) return undefined;
  for (const source of readYamlText(file, content).sources) {
    if (!manifestsOf(source).some(isPolicy)) continue;
    const [first] = clearAddresses(source);
    if (first === undefined) continue;
    return {
      file,
      line: lineAt(source.lines, source.offset + first.offset),
      path: '',
      rule: 'OA-D10',
      severity: 'error',
      why: `tells ${masked(first.address)} in clear to everyone who has the repository`,
      fix: 'rewrite the history (git filter-repo --path FILE --invert-paths, all clones anew), or take the address for known',
    };
  }
  return undefined;
}
