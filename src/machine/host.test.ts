import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { diskSpace, requireDisk } from '#machine/disk.ts';
import { findProgram, isDebianLike } from '#machine/host.ts';
import { tooLow } from '#machine/inotify.ts';
import { reasonOf, tinyProgram } from '#machine/privileged.ts';

afterEach(() => vi.unstubAllEnvs());

describe('the distribution', () => {
  it('is one with apt for Debian, Ubuntu and their children', () => {
    expect(isDebianLike('NAME="Debian GNU/Linux"\nID=debian\n')).toBe(true);
    expect(isDebianLike('ID=linuxmint\nID_LIKE="ubuntu debian"\n')).toBe(true);
    expect(isDebianLike('ID=fedora\nID_LIKE="rhel centos"\nHOME_URL="https://debian.example/"\n')).toBe(false);
    expect(isDebianLike('')).toBe(false);
  });
});

describe('programs', () => {
  it('are found by the first of their names that can be run', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mw-'));
    await writeFile(join(folder, 'plain-file'), '');
    await writeFile(join(folder, 'second-name'), '');
    await chmod(join(folder, 'second-name'), 0o755);
    vi.stubEnv('PATH', folder);
    expect(await findProgram('plain-file', 'second-name')).toBe(join(folder, 'second-name'));
    expect(await findProgram('neither')).toBeUndefined();
  });
});

describe('disk', () => {
  it('is looked at where a folder would be made, once for each file system', async () => {
    const here = tmpdir();
    const spaces = await diskSpace([join(here, 'not/made/yet'), here]);
    expect(spaces).toHaveLength(1);
    expect(spaces[0]).toMatchObject({ path: here });
  });

  it('says what is free and what is needed when that is too little', async () => {
    await expect(requireDisk([tmpdir()], 1e18)).rejects.toThrow(/has [\d.]+ GB free, 1000000000 GB are needed/);
    await expect(requireDisk([tmpdir()], 1)).resolves.toBeUndefined();
  });
});

describe('inotify', () => {
  it('names the limits that several clusters would exhaust', () => {
    expect(tooLow({ max_user_instances: 128, max_user_watches: 192_493 })).toEqual([
      'max_user_instances',
      'max_user_watches',
    ]);
    expect(tooLow({ max_user_instances: 512, max_user_watches: Number.POSITIVE_INFINITY })).toEqual([]);
  });
});

describe('the privileged container', () => {
  it('gives the reason that runc gave, out of the chain around it', () => {
    const stderr =
      'docker: Error response from daemon: failed to create shim task: OCI runtime create failed: runc create failed: ' +
      'unable to start container process: unable to apply caps: operation not permitted: unknown.\n';
    expect(reasonOf(stderr)).toBe('unable to apply caps: operation not permitted: unknown.');
    expect(
      reasonOf('docker: Error response from daemon: privileged mode is incompatible with user namespaces.\n'),
    ).toBe('privileged mode is incompatible with user namespaces');
  });

  it('runs a whole program for the architectures that engines have, and none for others', () => {
    expect(tinyProgram('x86_64')?.subarray(0, 4).toString('latin1')).toBe('\u007fELF');
    expect(tinyProgram('aarch64')?.readUInt16LE(18)).toBe(0xb7);
    expect(tinyProgram('riscv64')).toBeUndefined();
  });
});
