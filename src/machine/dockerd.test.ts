import { describe, expect, it } from 'vitest';
import { daemonEnvironment, lastWords, withRuntime } from '#machine/dockerd.ts';

describe('configuration of the daemon', () => {
  it("keeps the user's own and makes our runtime the default", () => {
    const users = { 'insecure-registries': ['registry.local:5000'], runtimes: { kata: { path: '/opt/kata' } } };
    expect(withRuntime(users, '/cache/wrapper')).toEqual({
      'insecure-registries': ['registry.local:5000'],
      runtimes: { kata: { path: '/opt/kata' }, meshwitness: { path: '/cache/wrapper' } },
      'default-runtime': 'meshwitness',
    });
    expect(users.runtimes).toEqual({ kata: { path: '/opt/kata' } });
  });

  it('does not hand settings of npm or Node.js to the daemon, but its proxies', () => {
    const env = daemonEnvironment({ PATH: '/bin', NODE_OPTIONS: '--x', npm_config_cache: '/c', HTTPS_PROXY: 'p' });
    expect(env).toEqual({ PATH: '/bin:/usr/sbin:/usr/bin:/sbin:/bin', HTTPS_PROXY: 'p' });
  });
});

describe('the reason a daemon ended', () => {
  it('is what it failed with, not what it said after', () => {
    const log = [
      'time="2026-11-21T03:00:00Z" level=info msg="Starting up"',
      'failed to start daemon: pid file found, ensure docker is not running or delete /var/run/docker.pid',
      '',
    ].join('\n');
    expect(lastWords(log)).toMatch(/^failed to start daemon: pid file found/);
  });

  it('is freed of the fields around it', () => {
    expect(lastWords('time="x" level=error msg="iptables: \\"nat\\" missing" error="y"')).toBe(
      'iptables: \\"nat\\" missing',
    );
    expect(lastWords('')).toBe('its log is empty');
  });
});
