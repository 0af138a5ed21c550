import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { tellOf } from '#cli/tell.ts';
import { InterruptedError, NotReadyError, UsageError } from '#support/errors.ts';

describe('what a person is told of an error', () => {
  it.each([
    [new UsageError('no check is called "GS-2"', 'did you mean GS-02?'), 2, 'no check is called "GS-2"'],
    [new NotReadyError('no Docker engine answers'), 3, 'no Docker engine answers'],
    [new InterruptedError(), 130, 'interrupted'],
    [new Error('boom\n    at somewhere'), 1, 'unexpected: boom'],
    ['a thrown text', 1, 'unexpected: a thrown text'],
  ])('%s', async (error, exitCode, line) => {
    expect(await tellOf(error)).toMatchObject({ exitCode, line });
  });

  it("is commander's complaint on one line", async () => {
    const error = new CommanderError(1, 'x', "error: unknown option '--jsn'\n(Did you mean --json?)");
    expect(await tellOf(error)).toEqual({ line: "unknown option '--jsn' (Did you mean --json?)", exitCode: 2 });
  });

  it('is that the engine went away, whatever command noticed', async () => {
    const error = Object.assign(new Error('exit code: 1'), {
      stderr: 'Cannot connect to the Docker daemon at unix:///x',
    });
    expect(await tellOf(error)).toMatchObject({ exitCode: 3, line: expect.stringContaining('went away') });
  });

  it('is the interrupt, whatever broke because of it', async () => {
    expect(await tellOf(new Error('socket hang up'), AbortSignal.abort())).toMatchObject({ exitCode: 130 });
  });
});
