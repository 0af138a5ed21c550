import { describe, expect, it } from 'vitest';
import { engineGone, readInfo } from '#machine/docker.ts';

const engine = {
  ID: '64WK:IQ53',
  ServerVersion: '20.10.24+dfsg1',
  Architecture: 'x86_64',
  CgroupVersion: '2',
  Driver: 'overlay2',
  DefaultRuntime: 'runc',
  DockerRootDir: '/var/lib/docker',
  NCPU: 2,
  MemTotal: 25_274_793_984,
};

describe('docker info', () => {
  it('is read into what the engine is, without the suffix of a distribution', () => {
    expect(readInfo(0, JSON.stringify(engine), '')).toEqual({
      version: '20.10.24',
      id: '64WK:IQ53',
      architecture: 'x86_64',
      cgroupVersion: '2',
      storageDriver: 'overlay2',
      defaultRuntime: 'runc',
      dataFolder: '/var/lib/docker',
      cpus: 2,
      memoryBytes: 25_274_793_984,
    });
  });

  it('tells an engine that does not run from one that may not be used and from a missing client', () => {
    const down = 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?';
    expect(readInfo(1, JSON.stringify({ ServerErrors: [down] }), '')).toEqual({ silence: 'no engine', detail: down });
    const denied = 'permission denied while trying to connect to the Docker daemon socket';
    expect(readInfo(1, JSON.stringify({ ServerErrors: [denied] }), '')).toMatchObject({ silence: 'not allowed' });
    expect(readInfo(127, '', 'bash: line 1: docker: command not found\n')).toMatchObject({ silence: 'no client' });
  });
});

describe('an engine that went away', () => {
  it('becomes one line with the next step and exit code 3', () => {
    const stderr = 'error during connect: Post "http://%2Fvar%2Frun%2Fdocker.sock/v1.41/wait": EOF';
    const told = engineGone(Object.assign(new Error('exit code: 1'), { stderr }));
    expect(told).toMatchObject({ exitCode: 3, message: 'the Docker engine went away while it was needed' });
    expect(told?.hint).toContain('the same command again');
  });

  it('is not what every failing command is put down to', () => {
    expect(engineGone(Object.assign(new Error('exit code: 1'), { stderr: 'Error: No such image: x' }))).toBeUndefined();
    expect(engineGone(undefined)).toBeUndefined();
  });
});
