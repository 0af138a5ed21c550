import { expect, it } from 'vitest';
import type { BrowseRequest } from '#fixtures/server/protocol-browse.ts';
import type { PodRequest } from '#lab/forward.ts';
import type { PlannedProvider } from '#verdict/provider.ts';
import type { Scene } from '#verdict/scene.ts';
import { visitAs } from '#verdict/visits.ts';

const provider: PlannedProvider = {
  secrets: {},
  brings: [],
  objects: [],
  outside: {
    resolve: { 'idp.example.org': { address: '192.0.2.1' } },
    ca: 'CA of the provider',
    accounts: { 'user@example.com': { username: 'alice', password: 'opensesame' } },
  },
};

/** Where nothing runs but a browser, which notes what it is asked. */
function sceneWith(asked: BrowseRequest[]): Scene {
  const answer = { outcome: 'response', status: 200, hops: [], cookies: [], ownMs: 0 };
  const browser = {
    request: async (_: string, { body }: PodRequest = {}) => {
      asked.push(body as BrowseRequest);
      return { status: 200, body: JSON.stringify(answer) };
    },
  };
  return {
    plan: { hosts: '*.homelab.test', certificates: [], provider },
    workloads: new Map(),
    workload: () => ({ address: '192.0.2.9', podIP: '10.0.0.9' }),
    fixture: async () => browser,
    cluster: { read: async () => ({ data: { 'ca.crt': 'CA of the scene' } }) },
  } as unknown as Scene;
}

const visiting = (scene: Scene, login: string) =>
  visitAs(
    scene,
    { from: 'browser', to: 'app1', gateway: 'g', url: 'https://app1.homelab.test/', login },
    { id: 'p1', jars: 'j' },
    new AbortController().signal,
  );

it('logs in at the provider of the user, whose password stays out of the evidence', async () => {
  const asked: BrowseRequest[] = [];
  const { visit, last } = await visiting(sceneWith(asked), 'user@example.com');
  expect(asked).toMatchObject([
    {
      login: { username: 'alice', password: 'opensesame' },
      resolve: { '*.homelab.test': { address: '192.0.2.9' }, 'idp.example.org': { address: '192.0.2.1' } },
      ca: 'CA of the scene\nCA of the provider',
    },
  ]);
  expect(visit).toMatchObject({ outsideProvider: true });
  expect(JSON.stringify([visit, last])).not.toContain('opensesame');
});

it('types no name that the provider of the user does not know', async () => {
  const asked: BrowseRequest[] = [];
  await expect(visiting(sceneWith(asked), 'u001@example.com')).rejects.toThrow(/no account .* for u001@example.com/);
  expect(asked).toEqual([]);
});
