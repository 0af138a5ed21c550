// Proves that editing a list by way of a copy in clear is refused, reported and not committed, and that editing in place is none of these.
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { check } from '#verdict/check.ts';
import {
  commitBlocked,
  committed,
  editedInPlace,
  nothingReported,
  refusedOutside,
  reports,
} from './expect-repository.ts';
import { listedEmail } from './homelab.ts';
import { Repository, repositoryTools } from './repository.ts';
import { unlike } from './secrets.ts';

const policy = 'apps/oauth-policy-oauth-a.sops.yaml';
const copy = 'scratch/policy.yaml';
const guide = 'add-user.sh';
const editOf = (email: string): string => `sed -i s/${email}/second@example.com/`;
/** Decrypt, edit, encrypt: the steps that many a page tells. */
const stepsWith = (edit: string): string => `set -eu
mkdir scratch
sops decrypt --output ${copy} ${policy}
${edit} ${copy}
sops encrypt --in-place ${copy}
mv ${copy} ${policy}
`;

export default check({
  id: 'OA-20',
  title: 'Edit workflow is safe',
  level: 'extended',
  system: 'oauth-allowlist',
  tags: ['sops', 'gitops', 'secrecy'],
  needs: ['envoy-gateway'],
  scene: 'homelab',
  uses: ['browser'],
  applies: ['oauth-policy.yaml'],
  tools: repositoryTools,
  story: {
    setUp: `A git repository with an encrypted policy, a pre-commit hook that runs the lint, and a script ${guide} that decrypts into a folder that no rule of .sops.yaml fits, edits there and encrypts.`,
    sends: `The script is run, what it leaves is linted, and committed. Then the same edit is made in place, by sops edit, and committed.`,
    expects:
      'sops refuses to encrypt the copy, for want of a rule; the lint reports copy and script; the hook blocks the commit. The edit in place changes one value of one file, leaves nothing behind, and is committed.',
    why: 'A copy in clear is one `git add .` away from everybody, and a file that was encrypted elsewhere was encrypted by another rule or none.',
  },
  params: { hook: 'installed' },
  async collect(stage, { hook }) {
    await using repository = await Repository.of(stage.documents('policy'), { signal: stage.signal });
    if (hook === 'installed') await repository.installHook();
    const edit = editOf(listedEmail(stage.names));
    await repository.write(guide, stepsWith(edit));
    const { exitCode, said } = await repository.withKey('sh', guide);
    stage.record('steps', { exitCode, said });
    stage.record('lint-copy', await repository.lint());
    stage.record('commit-copy', await committing(repository, copy));
    for (const each of ['scratch', guide]) await rm(resolve(repository.folder, each), { recursive: true });
    await repository.run(['git', 'reset', '--quiet']);
    const before = await repository.decrypted(policy);
    const edited = await repository.run(['sops', 'edit', policy], { SOPS_AGE_KEY: repository.key, EDITOR: edit });
    const altered = unlike(before, await repository.decrypted(policy));
    stage.record('edit', { exitCode: edited.exitCode, altered, changed: await repository.changed() });
    stage.record('lint', await repository.lint());
    stage.record('commit', await committing(repository, policy));
  },
  judge: ({ fact }) => [
    fact('steps', refusedOutside),
    fact('lint-copy', reports('copy-reported', 'OA-D10', copy)),
    fact('lint-copy', reports('steps-reported', 'OA-D11', guide)),
    fact('commit-copy', commitBlocked),
    fact('edit', editedInPlace(policy)),
    fact('lint', nothingReported),
    fact('commit', committed),
  ],
  twins: [
    {
      name: 'no-hook',
      sabotage: 'Nothing looks at what is committed.',
      breaks: 'commit-blocked',
      params: { hook: 'absent' },
    },
  ],
});

/** Tries to commit a file; tells whether there is a commit more, and what the hook named. */
async function committing(repository: Repository, file: string) {
  const before = await repository.commits();
  const { exitCode, rules } = await repository.commit(file);
  return { exitCode, rules, more: (await repository.commits()) - before };
}
