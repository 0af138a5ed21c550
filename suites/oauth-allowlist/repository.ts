import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { $ } from 'zx/core';
import type { Manifest } from '#lab/cluster.ts';
import { NotReadyError } from '#support/errors.ts';
import { paths } from '#support/paths.ts';
import { redactText } from '#support/redact.ts';
import { run, type Ended } from '../harness/command.ts';

/** Parts that a repository takes on this machine. */
export const repositoryTools = ['sops', 'age'];

/** Which values SOPS encrypts, by the keys above them: those that hold secrets of any kind, or those of a Secret alone. */
export const encryptedRegex = { whole: '^(data|stringData|spec)$', 'data-only': '^(data|stringData)$' };

const linted = z.object({ findings: z.array(z.object({ rule: z.string(), file: z.string() })) });
const identity = ['-c', 'user.name=meshwitness', '-c', 'user.email=meshwitness@localhost'];

/** A program that ran in the repository. */
interface Ran extends Ended {
  /** Ids of the rules of our lint that it named on stderr, where git puts what a hook prints. */
  rules: string[];
}

const rulesIn = (text: string): string[] => [...new Set(text.match(/\bOA-D\d+\b/g))];

/** The file of a document, named as homelabs name them. */
const fileOf = ({ kind, metadata: { name } }: Manifest): string =>
  `apps/${kind === 'Secret' ? 'oauth-client-secret' : `oauth-policy-${name}`}.sops.yaml`;

/**
 * A GitOps repository whose secrets SOPS encrypts, in a folder of its own: real git, real sops, and an age key that is nowhere
 * in it. It knows no configuration of the user's, and is removed at the end.
 */
export class Repository implements AsyncDisposable {
  readonly folder: string;
  /** What decrypts all of it. */
  readonly key: string;
  /** What was encrypted, by its file. */
  readonly documents: ReadonlyMap<string, Manifest>;
  readonly #env: NodeJS.ProcessEnv;
  readonly #signal: AbortSignal;

  private constructor(parts: {
    folder: string;
    key: string;
    documents: readonly Manifest[];
    tools: string[];
    signal: AbortSignal;
  }) {
    const { folder, key, documents, tools, signal } = parts;
    this.folder = folder;
    this.key = key;
    this.documents = new Map(documents.map((each) => [fileOf(each), each]));
    const clean = Object.entries(process.env).filter(([name]) => !/^(?:GIT|SOPS)_/.test(name));
    this.#env = {
      ...Object.fromEntries(clean),
      PATH: [...tools, process.env['PATH']].join(delimiter),
      TMPDIR: this.#temporary,
      XDG_CONFIG_HOME: resolve(folder, '../config'),
      // Colours would stand between the words that are looked for.
      NO_COLOR: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
    };
    this.#signal = signal;
  }

  /** Makes one with a commit of these documents, each encrypted by a rule for its folder. */
  static async of(
    documents: readonly Manifest[],
    { encrypts = 'whole', signal }: { encrypts?: keyof typeof encryptedRegex; signal: AbortSignal },
  ): Promise<Repository> {
    const { ensureParts, toolPath } = await import('#machine/parts.ts');
    const ready = [...(await ensureParts(repositoryTools, { signal })).values()].map((part) => toolPath(part, '.'));
    const top = await mkdtemp(join(tmpdir(), 'meshwitness-repository-'));
    const keygen = await $({ quiet: true, env: { ...process.env, PATH: ready.join(delimiter) } })`age-keygen`;
    const [key = ''] = /AGE-SECRET-KEY-\S+/.exec(keygen.stdout) ?? [];
    const [recipient = ''] = /\bage1\w+/.exec(keygen.stdout) ?? [];
    const repository = new Repository({ folder: resolve(top, 'repository'), key, documents, tools: ready, signal });
    try {
      await repository.#begin(recipient, encryptedRegex[encrypts]);
      return repository;
    } catch (error) {
      await repository[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs a program in the repository, with sops on its PATH. What it says is without secrets. */
  async run(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
    const options = {
      cwd: this.folder,
      env: { ...this.#env, ...env },
      signal: this.#signal,
      quiet: true,
      nothrow: true,
    };
    const { exitCode, stdout, stderr } = await $(options)`${words}`;
    this.#signal.throwIfAborted();
    return {
      exitCode: exitCode ?? 1,
      stdout,
      said: redactText(stderr.trim().split('\n').at(-1) ?? ''),
      rules: rulesIn(stderr),
    };
  }

  /** As {@link run}, for somebody who has the key. */
  withKey(...words: string[]): Promise<Ran> {
    return this.run(words, { SOPS_AGE_KEY: this.key });
  }

  /** Commits what these paths hold, as a person would: hooks have their say. */
  async commit(...files: string[]): Promise<Ran> {
    await this.#must('git', 'add', '--', ...files);
    return this.run(['git', ...identity, 'commit', '--quiet', '--message', 'Change']);
  }

  async commits(): Promise<number> {
    return Number(await this.#must('git', 'rev-list', '--all', '--count'));
  }

  /** What changed since the last commit, and what was left beside the repository. */
  async changed(): Promise<string[]> {
    const status = await this.#must('git', 'status', '--porcelain', '--untracked-files=all');
    const left = await readdir(this.#temporary);
    return [
      ...status
        .split('\n')
        .filter(Boolean)
        .map((line) => line.slice(3)),
      ...left.map((each) => `$TMPDIR/${each}`),
    ];
  }

  read(file: string): Promise<string> {
    return readFile(resolve(this.folder, file), 'utf8');
  }

  async write(file: string, text: string, mode = 0o644): Promise<void> {
    await mkdir(dirname(resolve(this.folder, file)), { recursive: true });
    await writeFile(resolve(this.folder, file), text, { mode });
  }

  /** A file as whoever has this key reads it. @throws NotReadyError when it is the wrong one */
  async decrypted(file: string, key = this.key): Promise<Manifest> {
    const { exitCode, stdout, said } = await this.run(['sops', 'decrypt', file], { SOPS_AGE_KEY: key });
    if (exitCode !== 0) throw new NotReadyError(`sops decrypt ${file} failed: ${said}`);
    return parse(stdout) as Manifest;
  }

  /** Has every commit wait for `meshwitness lint`, as its help advises. */
  async installHook(): Promise<void> {
    const lint = `exec '${paths.root}/meshwitness' lint . --no-crds --no-history`;
    await this.write('.git/hooks/pre-commit', `#!/bin/sh\n${lint}\n`, 0o755);
  }

  /** What the lint of the harness says of it, history included: rules and files. */
  async lint(): Promise<{ exitCode: number; findings: z.output<typeof linted>['findings'] }> {
    const { exitCode, stdout, said } = await run(['lint', this.folder, '--no-crds', '--format', 'json'], this.#signal);
    if (exitCode > 1) throw new NotReadyError(`lint of a repository failed: ${said}`);
    return { exitCode, ...linted.parse(JSON.parse(stdout)) };
  }

  /** Every version of every file, in the tree and in all commits, with the name of its place. */
  async *versions(): AsyncGenerator<{ place: string; text: string }> {
    for (const entry of await readdir(this.folder, { recursive: true, withFileTypes: true })) {
      const file = relative(this.folder, resolve(entry.parentPath, entry.name));
      if (entry.isFile() && !file.startsWith('.git/')) yield { place: file, text: await this.read(file) };
    }
    for (const line of (await this.#must('git', 'rev-list', '--all', '--objects')).split('\n')) {
      const [id = '', file = ''] = line.split(' ');
      const { exitCode, stdout } = await this.run(['git', 'cat-file', 'blob', id]);
      if (exitCode === 0) yield { place: `${file} in history`, text: stdout };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(dirname(this.folder), { recursive: true, force: true });
  }

  async #begin(recipient: string, regex: string): Promise<void> {
    await mkdir(this.#temporary, { recursive: true });
    await mkdir(this.folder);
    await this.#must('git', 'init', '--quiet');
    const rule = { path_regex: String.raw`^apps/.*\.sops\.yaml$`, encrypted_regex: regex, age: recipient };
    await this.write('.sops.yaml', stringify({ creation_rules: [rule] }));
    for (const [file, document] of this.documents) {
      await this.write(file, stringify(document));
      await this.#must('sops', 'encrypt', '--in-place', file);
    }
    const { exitCode, said } = await this.commit('.');
    if (exitCode !== 0) throw new NotReadyError(`git commit failed: ${said}`);
  }

  async #must(...words: string[]): Promise<string> {
    const { exitCode, stdout, said } = await this.run(words);
    if (exitCode !== 0) throw new NotReadyError(`${words.slice(0, 2).join(' ')} failed: ${said}`);
    return stdout;
  }

  get #temporary(): string {
    return resolve(this.folder, '../temporary');
  }
}
