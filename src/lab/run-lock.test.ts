import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { holdLab } from '#lab/run-lock.ts';
import { paths } from '#support/paths.ts';

const lab = `test-lock-${process.pid}`;
const file = resolve(paths.cache, 'locks', `lab-${lab}.json`);
const silent = () => undefined;

afterEach(() => rm(file, { force: true }));

/** Process id of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn('true');
  await once(child, 'exit');
  return child.pid ?? 0;
}

describe('a lab', () => {
  it('is held by one run at a time, and the second is told who holds it', async () => {
    const first = await holdLab(lab, silent);
    await expect(holdLab(lab, silent)).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining(`lab ${lab} is in use by another run (process ${process.pid}`),
    });
    await first.release();
    const second = await holdLab(lab, silent);
    expect(second.killed).toBeUndefined();
    await second.release();
  });

  it('of another name can be held meanwhile', async () => {
    const [one, other] = await Promise.all([holdLab(lab, silent), holdLab(`${lab}-b`, silent)]);
    expect([one.killed, other.killed]).toEqual([undefined, undefined]);
    await Promise.all([one.release(), other.release()]);
  });

  it('says that the run before was killed, until somebody has cleaned up', async () => {
    await writeFile(file, JSON.stringify({ pid: await deadPid(), since: '2026-11-21T03:00:00Z', made: true }));
    const first = await holdLab(lab, silent);
    expect(first.killed).toMatchObject({ made: true });
    await first.release();
    const second = await holdLab(lab, silent);
    expect(second.killed).toMatchObject({ made: false });
    second.cleaned();
    await second.release();
    const third = await holdLab(lab, silent);
    expect(third.killed).toBeUndefined();
    await third.release();
  });

  it('remembers that the run made it, for when that run is killed', async () => {
    const first = await holdLab(lab, silent);
    await first.made();
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ pid: process.pid, made: true });
    await first.release();
  });

  it('whose record was cut in the middle was held by a killed run', async () => {
    await writeFile(file, '{"pid": 12');
    const hold = await holdLab(lab, silent);
    expect(hold.killed).toBeDefined();
    hold.cleaned();
    await hold.release();
  });
});
