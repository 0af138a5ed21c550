import { resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { diagnosisText, type Diagnosed } from '#cli/diagnose-text.ts';
import { diagnoseCommand } from '#cli/diagnose.ts';
import { run } from '#cli/testing/command.ts';
import { diagnose } from '#diagnose/stories.ts';
import { simulate, time, times, type Simulation } from '#diagnose/testing/simulate.ts';
import { paths } from '#support/paths.ts';

const outage = resolve(paths.root, 'src/diagnose/testdata/outage');
const at = '2026-11-25T23:55:54Z';

describe('diagnose certs --from', () => {
  it('decides the outage from pages alone, with exit 1 and the next command', async () => {
    const { exitCode, stdout } = await run('diagnose', 'certs', '--from', outage, '--at', at);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/front-end-envoy-1\.36\.4 .* ✕ stale-repush/);
    expect(stdout).toContain('The issuer is not renewing: it delivers the same certificate again and again.');
    expect(stdout).toContain(
      'kubectl -n sock-shop exec front-end-envoy-1.36.4 -c istio-proxy -- pilot-agent request GET certs',
    );
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('FAULT: 2 of 2 proxies');
  });

  it('prints rows, stories and reasons as JSON', async () => {
    const args = ['--workload', 'front-end-envoy-1.40.0', '--json'];
    const { exitCode, stdout } = await run('diagnose', 'certs', '--from', outage, '--at', at, ...args);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject([
      {
        proxies: [
          {
            workload: 'front-end-envoy-1.40.0',
            namespace: 'sock-shop',
            diagnosis: { story: 'stale-repush', comparison: { agreement: 'agree' } },
          },
        ],
      },
    ]);
  });

  it.each([
    [['--from', outage, '--namespace', 'x'], '--namespace asks a cluster, --from a folder'],
    [['--from', outage, '--workload', 'x'], 'holds no recording of workload "x": there are front-end-envoy-1.36.4'],
    [['--from', outage, '--at', 'noon'], 'expected a time such as'],
    [['--from', resolve(paths.root, 'src/cli')], 'is no JSON'],
    [['--context', 'x'], '--namespace is missing'],
    [['--namespace', 'x'], 'name one cluster'],
  ])('%j is refused in one line', async (args, line) => {
    const command = diagnoseCommand(new AbortController().signal);
    for (const each of [command, ...command.commands])
      each.exitOverride().configureOutput({ writeErr: () => undefined });
    await expect(command.parseAsync(['certs', ...args], { from: 'user' })).rejects.toThrow(line);
  });
});

describe('what a person reads', () => {
  const proxy = (workload: string, simulation: Simulation): Diagnosed => {
    const course = { ...simulate(simulation), workload };
    const { namespace, pod } = course;
    const diagnosis = diagnose(course, { lifetimeSeconds: 60, start: time(0) });
    return { kubectl: '--context staging', ours: '--context staging', namespace, workload, pod, diagnosis };
  };
  const text = (...proxies: Diagnosed[]): string[] =>
    stripVTControlCharacters(
      diagnosisText([{ what: 'namespace shop of staging', start: time(0), end: time(0.2), proxies }]),
    ).split('\n');
  const waiting = { events: [], lookAt: [0, 0.1, 0.2] };

  it('tells in one what there is nothing to tell of yet', () => {
    const lines = text(proxy('a', waiting), proxy('b', { ...waiting, sources: ['certs'] }));
    expect(lines).toContainEqual(
      expect.stringMatching(/^2 proxies hold valid certificates, and no renewal was seen yet/),
    );
    expect(lines).toContainEqual('    ./meshwitness diagnose certs --context staging --namespace sock-shop');
    expect(lines.at(-1)).toMatch(/^UNDECIDED: 2 of 2 proxies; one look tells/);
  });

  it('says once why a column is empty', () => {
    const lines = text(...['a', 'b'].map((name) => proxy(name, { ...waiting, sources: ['dump', 'certs'] })));
    expect(lines.filter((line) => line.startsWith('– handshake: '))).toEqual([
      '– handshake: no handshake was made (2 of 2)',
    ]);
  });

  it('shows sources that differ, and what follows', () => {
    const lines = text(proxy('user', { events: times([0.05], 'reject'), lookAt: [0, 0.1, 0.2] }));
    expect(lines).toContainEqual(expect.stringMatching(/user .* a2 .* a1 .* ✕ rejected-update ≠/));
    expect(lines).toContainEqual(expect.stringContaining('a delivery is no renewal'));
    expect(lines.at(-1)).toBe('FAULT: 1 of 1 proxy');
  });

  it('ends with a word when all is well', () => {
    expect(text(proxy('a', { events: times([0.45, 0.9], 'renew'), lifetimes: 1.2 })).at(-1)).toBe(
      'ROTATING: all 1 proxy',
    );
  });
});
