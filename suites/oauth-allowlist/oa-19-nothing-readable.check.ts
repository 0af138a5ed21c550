// Proves that nobody reads an address or a credential in the repository, and that what comes out of it is the policy that works.
import { check } from '#verdict/check.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { guarded } from './expect.ts';
import { decryptedAlike, keptAlike, metadataReadable, nothingReadable, nothingReported } from './expect-repository.ts';
import { policyKept, reconcile } from './flux-stub.ts';
import { anonymous, gateway, listed, loginUses, visit } from './homelab.ts';
import { Repository, repositoryTools, type encryptedRegex } from './repository.ts';
import { filesAsRead, readableIn } from './secrets.ts';

export default check({
  id: 'OA-19',
  title: 'Nothing readable in Git',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['sops', 'gitops', 'secrecy'],
  needs: ['envoy-gateway', 'load-balancer'],
  scene: 'homelab',
  uses: loginUses,
  applies: ['oauth-policy.yaml'],
  tools: repositoryTools,
  story: {
    setUp:
      'A git repository with oauth-client-secret.sops.yaml and oauth-policy-oauth-a.sops.yaml, encrypted by a rule for data, stringData and spec; its age key in the Secret sops-age of the cluster.',
    sends:
      'Every version of every file is searched for addresses, the client secret and the key. A stub of Flux takes the key from the Secret, decrypts and applies; then an anonymous request and the login of a listed user.',
    expects:
      'Nothing is found, and kind and name of each file are readable. What is decrypted is what was encrypted, and what the API server keeps; the gateway is guarded, and the listed user gets in.',
    why: 'The usual rule encrypts data and stringData: right for Secrets, and of a SecurityPolicy it leaves the whole allowlist in clear, in every clone, for good.',
  },
  params: { encrypts: 'whole' },
  async collect(stage, { encrypts }) {
    const documents = stage.documents('policy');
    const options = { encrypts: encrypts as keyof typeof encryptedRegex, signal: stage.signal };
    await using repository = await Repository.of(documents, options);
    stage.record('search', await readableIn(repository));
    stage.record('lint', await repository.lint());
    stage.record('files', await filesAsRead(repository));
    await reconcile(stage, repository);
    stage.record('kept', await policyKept(stage, documents));
    await stage.call('anonymous', anonymous(stage));
    await stage.visit('listed', visit(listed));
  },
  judge: ({ probe, fact, names }) => [
    fact('search', nothingReadable),
    fact('lint', nothingReported),
    fact('files', metadataReadable),
    fact('files', decryptedAlike),
    fact('kept', keptAlike),
    probe('anonymous', guarded(names), loggedAt(gateway, 302)),
    probe('listed', answered(200), loggedAt(gateway, 200), receivedBy('app1')),
  ],
  twins: [
    {
      name: 'data-only',
      sabotage: 'The rule encrypts data and stringData alone, which is right for Secrets: addresses stand under spec.',
      breaks: 'nothing-readable',
      params: { encrypts: 'data-only' },
    },
  ],
});
