import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { downCommand } from '#cli/down.ts';
import { statusTable } from '#cli/status.ts';
import type { LabStatus } from '#lab/down.ts';

const lab = (name: string, state: LabStatus['state']): LabStatus => ({
  name,
  state,
  topology: state === 'orphan' ? undefined : 'solo',
  createdAt: state === 'orphan' ? undefined : '2026-11-21T06:27:22.890Z',
  nodes: [`mw-${name}-main-control-plane`],
  network: true,
});

describe('status', () => {
  it('tells of each lab what stands, and what to type about the others', () => {
    const text = stripVTControlCharacters(statusTable([lab('dev', 'up'), lab('old', 'orphan'), lab('half', 'partly')]));
    expect(text).toMatch(/dev .*up .*solo .*2026-11-21 06:27 .*mw-dev-main-control-plane .*yes/);
    expect(text).toContain('left by a crash; this removes it: ./meshwitness down --name old');
    expect(text).toContain('down --name half');
    expect(text).not.toContain('down --name dev');
  });

  it('without any lab says how to get one', () => {
    expect(statusTable([])).toContain('./meshwitness up');
  });
});

describe('down', () => {
  it('refuses to guess between --name and --all, before anything is touched', async () => {
    const command = downCommand(new AbortController().signal);
    await expect(command.parseAsync(['--name', 'dev', '--all'], { from: 'user' })).rejects.toMatchObject({
      exitCode: 2,
    });
  });
});
