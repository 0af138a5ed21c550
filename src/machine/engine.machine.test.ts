import { rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { $ } from 'zx/core';
import { lacksSysResource, processLacksSysResource } from '#machine/capabilities.ts';
import { askEngine, askWhetherGone, engineGone, type EngineInfo } from '#machine/docker.ts';
import { examine } from '#machine/doctor.ts';
import { ensureEngine } from '#machine/engine.ts';
import { privilegedProblem, probeImage } from '#machine/privileged.ts';
import { paths } from '#support/paths.ts';

const docker = $({ quiet: true });
let engine: EngineInfo;
beforeAll(async () => {
  engine = await ensureEngine({ say: (line) => console.log(line) });
});

describe('the engine of this machine', () => {
  it('answers, and is not started twice', async () => {
    const said: string[] = [];
    const again = await ensureEngine({ say: (line) => said.push(line) });
    expect(again.id).toBe(engine.id);
    expect(said).toEqual([]);
  });

  it('runs a privileged container, and leaves neither container nor image behind', async () => {
    expect(await privilegedProblem(engine)).toBeUndefined();
    const left = await docker`docker ps -aq --filter ancestor=${probeImage}`;
    const images = await docker`docker images -q ${probeImage}`;
    expect(left.stdout + images.stdout).toBe('');
  });

  it('uses our runtime exactly where root lacks CAP_SYS_RESOURCE', async () => {
    expect(engine.defaultRuntime === 'meshwitness').toBe(await processLacksSysResource());
  });

  it('finds our runtime again when the cache was emptied under it', async ({ skip }) => {
    skip(engine.defaultRuntime !== 'meshwitness', 'this engine needs no runtime of ours');
    const folder = resolve(paths.cache, 'engine');
    await rename(folder, `${folder}.test`);
    try {
      await ensureEngine({ say: (line) => console.log(line) });
      expect(await privilegedProblem(engine)).toBeUndefined();
    } finally {
      await rm(folder, { recursive: true, force: true });
      await rename(`${folder}.test`, folder);
    }
  });

  it('gives a privileged container every other capability, also through exec', async () => {
    // A container from the machine's own shell, so that no image has to be had.
    const files = (await docker`ldd /bin/sh /bin/sleep /bin/cat`).stdout.match(/\/lib\S+/g) ?? [];
    const archive = ['/bin/sh', '/bin/sleep', '/bin/cat', ...new Set(files)].map((file) => file.slice(1));
    await docker`tar -C / -ch ${archive}`.pipe($`docker import - meshwitness/engine-test:1`.quiet());
    const name = `meshwitness-engine-test-${process.pid}`;
    try {
      await docker`docker run --detach --privileged --name ${name} meshwitness/engine-test:1 sleep 60`;
      const inside = await docker`docker exec --privileged ${name} cat /proc/self/status`;
      const own = await $({ quiet: true })`cat /proc/self/status`;
      expect(lacksSysResource(inside.stdout)).toBe(lacksSysResource(own.stdout));
      const mask = (status: string): bigint => BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(status)?.[1] ?? '0'}`);
      // CAP_NET_ADMIN, CAP_SYS_ADMIN
      for (const bit of [12n, 21n]) expect((mask(inside.stdout) >> bit) & 1n).toBe(1n);
    } finally {
      await docker({ nothrow: true })`docker rm --force ${name}`;
      await docker({ nothrow: true })`docker rmi meshwitness/engine-test:1`;
    }
  });
});

describe('an engine that does not answer', () => {
  it('is said to be gone in one line, whatever command found out', async () => {
    const env = { ...process.env, DOCKER_HOST: 'tcp://127.0.0.1:1' };
    const error: unknown = await $({ quiet: true, env })`docker ps`.catch((thrown: unknown) => thrown);
    expect(engineGone(error)).toMatchObject({ exitCode: 3 });
  });

  it('is not what a failure is put down to while it answers', async () => {
    expect(await askWhetherGone(new Error('unexpected EOF'))).toBeUndefined();
  });

  it('is left alone when DOCKER_HOST names it, and found gone by asking', async () => {
    const before = process.env.DOCKER_HOST;
    process.env.DOCKER_HOST = 'tcp://127.0.0.1:1';
    try {
      expect(await askEngine()).toMatchObject({ silence: 'no engine' });
      expect(await askWhetherGone(new Error('unexpected EOF'))).toMatchObject({ exitCode: 3 });
      await expect(ensureEngine({ say: () => undefined })).rejects.toThrow(
        /^the Docker engine at tcp:\/\/127.0.0.1:1 does not answer/,
      );
      expect(await examine()).toMatchObject({ ready: false });
    } finally {
      if (before === undefined) delete process.env.DOCKER_HOST;
      else process.env.DOCKER_HOST = before;
    }
  });
});

describe.runIf(process.getuid?.() === 0)('a user who is not root', () => {
  // In a process of its own, which gives its rights away for good.
  const asNobody = async (path: string): Promise<string> => {
    const script = `
      import { ensureEngine } from '#machine/engine.ts';
      process.env.PATH = ${JSON.stringify(path)};
      process.setgroups([]); process.setgid(65534); process.setuid(65534);
      await ensureEngine({ say: console.log }).catch((error) => console.log(error.exitCode, error.message));`;
    const run = $({ quiet: true, cwd: paths.root, input: script });
    return (await run`${process.execPath} --disable-warning=ExperimentalWarning --input-type=module`).stdout;
  };

  it('and without Docker is told so in one line, and nothing is started', async () => {
    expect(await asNobody('/nowhere')).toBe('3 no Docker engine answers, and only root can start one\n');
  });

  it('and may not use the engine there is, is told so in one line', async () => {
    expect(await asNobody(process.env.PATH ?? '')).toMatch(/^3 this user may not use the Docker engine: .+\n$/);
  });
});

describe('doctor', () => {
  it('finds what every run needs on the machine that runs the tests', async () => {
    const { findings } = await examine();
    const wrong = findings.filter(({ need, state }) => need === 'required' && state !== 'found');
    expect(wrong).toEqual([]);
    expect(findings.map(({ name }) => name)).toContain('privileged containers');
  });
});
