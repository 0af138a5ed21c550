import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { openExisting } from '#lab/existing.ts';

let folder: string;
let server: string;
const api = createServer((_, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ gitVersion: 'v1.34.4', major: '1', minor: '34' }));
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
  await new Promise<void>((done) => api.listen(0, '127.0.0.1', done));
  server = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
});
afterEach(() => vi.unstubAllEnvs());
afterAll(async () => {
  api.close();
  await rm(folder, { recursive: true, force: true });
});

/** Writes a kubeconfig with one context for each name. */
async function kubeconfig(file: string, names: string[], url = server): Promise<string> {
  const path = join(folder, file);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': names[0],
    clusters: names.map((name) => ({ name, cluster: { server: url, 'insecure-skip-tls-verify': true } })),
    users: names.map((name) => ({ name, user: {} })),
    contexts: names.map((name) => ({ name, context: { cluster: name, user: name } })),
  };
  await writeFile(path, stringify(config));
  return path;
}

describe('a context of the user', () => {
  it('is opened by its name alone, whatever the current one is, and the file stays as it is', async () => {
    const file = await kubeconfig('two', ['production', 'staging']);
    const before = await readFile(file, 'utf8');
    vi.stubEnv('KUBECONFIG', file);
    const lab = await openExisting({ main: 'staging' });
    expect(lab.provider).toBe('existing');
    expect(lab.clusters.get('main')?.context).toBe('staging');
    expect(await readFile(file, 'utf8')).toBe(before);
  });

  it('may be in any of several files, of which one is missing', async () => {
    const files = [
      await kubeconfig('one', ['production']),
      join(folder, 'none'),
      await kubeconfig('more', ['staging']),
    ];
    vi.stubEnv('KUBECONFIG', files.join(':'));
    const lab = await openExisting({ main: 'staging' });
    expect(lab.clusters.get('main')?.context).toBe('staging');
  });

  it('that is unknown is answered with those there are, and the nearest', async () => {
    vi.stubEnv('KUBECONFIG', await kubeconfig('two', ['production', 'staging']));
    await expect(openExisting({ main: 'stagign' })).rejects.toMatchObject({
      exitCode: 2,
      message: 'the kubeconfig has no context "stagign": there are production, staging',
      hint: 'did you mean staging?',
    });
  });

  it('without any kubeconfig is bad input too', async () => {
    vi.stubEnv('KUBECONFIG', join(folder, 'none'));
    await expect(openExisting({ main: 'staging' })).rejects.toMatchObject({ exitCode: 2 });
  });

  it('in a file that is no kubeconfig is one line', async () => {
    const path = join(folder, 'broken');
    await writeFile(path, 'clusters: [');
    vi.stubEnv('KUBECONFIG', path);
    await expect(openExisting({ main: 'staging' })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('cannot be read'),
    });
  });

  it('whose API server does not answer is not ready', async () => {
    const closed = createServer();
    await new Promise<void>((done) => closed.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${(closed.address() as AddressInfo).port}`;
    await new Promise((done) => closed.close(done));
    vi.stubEnv('KUBECONFIG', await kubeconfig('dead', ['staging'], url));
    await expect(openExisting({ main: 'staging' })).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(`^context staging: ${url} does not answer: .*ECONNREFUSED`),
    });
  });
});
