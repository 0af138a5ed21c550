import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { $ } from 'zx/core';
import { downKind, labStatuses } from '#lab/down.ts';
import { networkName, nodeName } from '#lab/engine-objects.ts';
import { throughProxy } from '#lab/testing/engine-proxy.ts';
import { ensureEngine } from '#machine/engine.ts';
import { ensureParts } from '#machine/parts.ts';
import { labLabel, ownerLabel, paths } from '#support/paths.ts';
import { until } from '#support/wait.ts';

const name = `x${process.pid}`;
const docker = $({ quiet: true });
const upArguments = ['up', '--name', name, '--istio', 'none'];

beforeAll(async () => {
  await ensureEngine({ say: () => undefined });
  await ensureParts(['kind', 'node-smoke']);
});
afterEach(() => downKind(name));

interface Started {
  process: ChildProcess;
  /** What it wrote to both of its outputs. */
  text: () => string;
  ended: Promise<number | null>;
}

function meshwitness(args: string[], env: NodeJS.ProcessEnv = {}): Started {
  const child = spawn(process.execPath, [resolve(paths.root, 'src/cli/main.ts'), ...args], {
    env: { ...process.env, ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { process: child, text: () => text, ended: once(child, 'close').then(([code]) => code as number | null) };
}

/** Waits until the node of the lab runs, so that its cluster is half made. */
async function halfMade(): Promise<void> {
  const look = async () => {
    const { stdout } = await docker`docker ps --format ${'{{.Names}}'}`;
    return stdout.includes(nodeName(name, 'main')) ? { done: true } : { seen: 'no node' };
  };
  await until('the node to be started', look, { timeoutMs: 60_000 });
}

/** Waits until kind has sent kubeadm into the node: the client of that command is cut off with few words. */
async function inTheMiddle(): Promise<void> {
  const look = async () => {
    const { stdout } = await docker({ nothrow: true })`docker top ${nodeName(name, 'main')}`;
    return stdout.includes('kubeadm init') ? { done: true } : { seen: 'no kubeadm' };
  };
  await until('kubeadm to begin', look, { timeoutMs: 60_000 });
}

const ours = async () => (await labStatuses()).filter((lab) => lab.name === name);

describe('up that does not get to its end', () => {
  it('by Ctrl-C: leaves nothing, exit 130', async () => {
    const up = meshwitness(upArguments);
    await halfMade();
    up.process.kill('SIGINT');
    expect(await up.ended).toBe(130);
    expect(up.text()).toContain('interrupted');
    expect(await ours()).toEqual([]);
  });

  it('by kill -9: status tells, the next up replaces it, down leaves nothing', async () => {
    const up = meshwitness(upArguments);
    await halfMade();
    up.process.kill('SIGKILL');
    await up.ended;
    expect(await ours()).toMatchObject([{ state: 'partly', network: true }]);
    const next = meshwitness([...upArguments, '--json']);
    expect([await next.ended, next.text()]).toEqual([0, expect.stringContaining('"reused": false')]);
    expect(next.text()).toContain(`replacing lab ${name}: it was never finished`);
    expect(await ours()).toMatchObject([{ state: 'up' }]);
    const down = meshwitness(['down', '--name', name]);
    expect([await down.ended, down.text()]).toEqual([0, expect.stringContaining('removed')]);
    expect(await ours()).toEqual([]);
  });

  it.each([
    ['as the node starts', halfMade],
    ['in the middle of kubeadm', inTheMiddle],
  ])('because the Docker engine goes away %s: one line that says so, exit 3', async (_, then) => {
    const folder = await mkdtemp(join(tmpdir(), 'engine-'));
    await using engine = await throughProxy(join(folder, 'docker.sock'));
    const up = meshwitness(upArguments, { DOCKER_HOST: `unix://${engine.socket}` });
    await then();
    await engine.goAway();
    const code = await up.ended;
    const lines = up
      .text()
      .split('\n')
      .filter((line) => line.startsWith('meshwitness: '));
    expect([code, lines]).toEqual([3, ['meshwitness: the Docker engine went away while it was needed']]);
    await rm(folder, { recursive: true, force: true });
  });
});

describe('what a crash left without a record', () => {
  it('is an orphan in status, and down removes it', async () => {
    const labels = ['--label', `${ownerLabel}=meshwitness`, '--label', `${labLabel}=${name}`];
    await docker`docker network create ${labels} ${networkName(name)}`;
    const status = meshwitness(['status', '--json']);
    expect(await status.ended).toBe(0);
    const listed = JSON.parse(status.text()) as { name: string }[];
    expect(listed.find((lab) => lab.name === name)).toMatchObject({ state: 'orphan', nodes: [], network: true });
    const down = meshwitness(['down', '--name', name]);
    expect(await down.ended).toBe(0);
    expect(down.text()).toContain(`lab ${name}: ${networkName(name)} removed`);
    expect(await ours()).toEqual([]);
  });
});
