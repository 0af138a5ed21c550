import { z } from 'zod';
import { factIs } from '#verdict/expectations/fact.ts';

const linted = z.object({ exitCode: z.number(), findings: z.array(z.object({ rule: z.string(), file: z.string() })) });
const told = ({ exitCode, findings }: z.output<typeof linted>): string =>
  [`exit ${exitCode}`, ...findings.map(({ rule, file }) => `${rule} in ${file}`)].join(', ');

/** The lint of the harness tells a finding of this rule in this file. */
export const reports = (expectation: string, id: string, where: string) =>
  factIs({
    expectation,
    kind: 'process',
    from: 'lint, of the copy',
    expected: `exit 1, with ${id} in ${where}`,
    shape: linted,
    met: ({ exitCode, findings }) => exitCode === 1 && findings.some(({ rule, file }) => rule === id && file === where),
    seen: told,
  });

/** The lint of the harness finds nothing at all. */
export const nothingReported = factIs({
  expectation: 'nothing-reported',
  kind: 'process',
  from: 'lint',
  expected: 'exit 0, no finding',
  shape: linted,
  met: ({ exitCode, findings }) => exitCode === 0 && findings.length === 0,
  seen: told,
});

/** No version of any file shows a secret. */
export const nothingReadable = factIs({
  expectation: 'nothing-readable',
  kind: 'process',
  from: 'git',
  expected: 'no address, no credential and no key in any version of any file',
  shape: z.object({ secrets: z.number(), versions: z.number(), found: z.array(z.string()) }),
  met: ({ secrets, versions, found }) => secrets > 2 && versions > 2 && found.length === 0,
  seen: ({ secrets, versions, found }) =>
    found.join('; ') || `${secrets} secrets in none of ${versions} versions of files`,
});

const files = z.array(
  z.object({
    file: z.string(),
    kind: z.string(),
    name: z.string(),
    encrypted: z.boolean(),
    altered: z.array(z.string()),
  }),
);

/** What a file is can be read, and that it is encrypted. */
export const metadataReadable = factIs({
  expectation: 'metadata-readable',
  kind: 'process',
  from: 'sops',
  expected: 'encrypted files that tell their kind and name: Secret oauth-client, SecurityPolicy oauth-a',
  shape: files,
  met: (all) =>
    all.every(({ encrypted }) => encrypted) &&
    ['Secret oauth-client', 'SecurityPolicy oauth-a'].every((each) =>
      all.some(({ kind, name }) => `${kind} ${name}` === each),
    ),
  seen: (all) => all.map(({ kind, name, encrypted }) => `${kind} ${name}${encrypted ? '' : ' in clear'}`).join(', '),
});

/** Encryption loses nothing and adds nothing. */
export const decryptedAlike = factIs({
  expectation: 'decrypted-alike',
  kind: 'process',
  from: 'sops decrypt',
  expected: 'what was encrypted, field for field',
  shape: files,
  met: (all) => all.length > 0 && all.every(({ altered }) => altered.length === 0),
  seen: (all) => all.map(({ file, altered }) => `${file}: ${altered.join(', ') || 'the same'}`).join('; '),
});

/** The policy in force is the one in the repository. */
export const keptAlike = factIs({
  expectation: 'kept-alike',
  kind: 'object',
  from: 'SecurityPolicy at the API server',
  expected: 'every field of the policy that was encrypted',
  shape: z.object({ exists: z.boolean(), lost: z.array(z.string()) }),
  met: (kept) => kept.exists && kept.lost.length === 0,
  seen: (kept) => (kept.exists ? kept.lost.map((path) => `not ${path}`).join(', ') || 'every field' : 'no such policy'),
});

/** For a path that no rule fits, sops encrypts nothing. */
export const refusedOutside = factIs({
  expectation: 'refused-outside',
  kind: 'process',
  from: 'sops encrypt',
  expected: 'an exit code of failure, and: no matching creation rules found',
  shape: z.object({ exitCode: z.number(), said: z.string() }),
  met: ({ exitCode, said }) => exitCode !== 0 && said.includes('no matching creation rules found'),
  seen: ({ exitCode, said }) => `exit ${exitCode}: ${said}`,
});

const commit = z.object({ exitCode: z.number(), more: z.number(), rules: z.array(z.string()) });
const commitTold = ({ exitCode, more, rules }: z.output<typeof commit>): string =>
  `exit ${exitCode}, ${more} commits more, findings of ${rules.join(', ') || 'no rule'}`;

/** The hook kept a copy in clear out of the history, for that reason. */
export const commitBlocked = factIs({
  expectation: 'commit-blocked',
  kind: 'process',
  from: 'git commit, of the copy',
  expected: 'exit 1 for OA-D10, no commit',
  shape: commit,
  met: ({ exitCode, more, rules }) => exitCode === 1 && more === 0 && rules.includes('OA-D10'),
  seen: commitTold,
});

/** The hook lets through what is encrypted. */
export const committed = factIs({
  expectation: 'committed',
  kind: 'process',
  from: 'git commit, of the file',
  expected: 'exit 0, one commit more',
  shape: commit,
  met: ({ exitCode, more }) => exitCode === 0 && more === 1,
  seen: commitTold,
});

/** An edit changed one value of this file, and left nothing beside it. */
export const editedInPlace = (file: string) =>
  factIs({
    expectation: 'edited-in-place',
    kind: 'process',
    from: 'sops edit',
    expected: `exit 0, one value of ${file} changed, and nothing else left`,
    shape: z.object({ exitCode: z.number(), altered: z.array(z.string()), changed: z.array(z.string()) }),
    met: ({ exitCode, altered, changed }) => exitCode === 0 && altered.length === 1 && changed.join() === file,
    seen: ({ exitCode, altered, changed }) =>
      `exit ${exitCode}, changed: ${altered.join(', ')} of ${changed.join(', ')}`,
  });
