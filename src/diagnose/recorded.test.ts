import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRecorded } from '#diagnose/recorded.ts';
import { diagnose } from '#diagnose/stories.ts';
import { times, simulate, time } from '#diagnose/testing/simulate.ts';

// Pages of plain Envoys: certificates of a minute, backdated by one. The same pair was delivered again after 27 s and 52 s, and the
// pages were saved after 75 s.
const outage = resolve(import.meta.dirname, 'testdata/outage');
const taken = new Date('2026-11-25T23:55:54Z');
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'recorded-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function folder(files: Record<string, string>): Promise<string> {
  const own = await mkdtemp(join(dir, 'f-'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(resolve(own, name, '..'), { recursive: true });
    await writeFile(join(own, name), text);
  }
  return own;
}
const page = (version: string, name: string): Promise<string> =>
  readFile(join(outage, `front-end-envoy-${version}`, name), 'utf8');
const told = async (from: string, at?: Date) =>
  (await readRecorded(from, at)).flatMap(({ course }) =>
    course.proxies.map((proxy) => ({ pod: proxy.pod, ...diagnose(proxy) })),
  );

describe('the outage, from pages as curl saves them', () => {
  it('is told as an issuer that repeats itself, on both sides of Envoy 1.37', async () => {
    expect(await told(outage, taken)).toMatchObject([
      { pod: 'front-end-envoy-1.36.4', story: 'stale-repush', expiredAt: '2026-11-25T23:55:39.000Z' },
      { pod: 'front-end-envoy-1.40.0', story: 'stale-repush', expiredAt: '2026-11-25T23:55:38.000Z' },
    ]);
  });

  it('needs no counters on the older Envoy, whose dump moves; on the newer one it stays open whose fault it is', async () => {
    for (const [version, story] of [
      ['1.36.4', 'stale-repush'],
      ['1.40.0', 'not-renewed'],
    ] as const) {
      const names = ['config_dump.json', 'certs.json'];
      const files = await Promise.all(names.map(async (name) => [`pod/${name}`, await page(version, name)] as const));
      expect(await told(await folder(Object.fromEntries(files)), taken)).toMatchObject([{ story, fault: true }]);
    }
  });

  it('is not told before its certificate is overdue', async () => {
    // More than 20 s before the end of a window of two minutes.
    expect(await told(outage, new Date('2026-11-25T23:55:10Z'))).toMatchObject([{ fault: false }, { fault: false }]);
  });

  it('is told from what istioctl prints too', async () => {
    const { configs } = JSON.parse(await page('1.36.4', 'config_dump.json')) as { configs: Record<string, unknown>[] };
    const secrets = configs.find((config) => 'dynamic_active_secrets' in config);
    const camel = JSON.stringify({ dynamicActiveSecrets: secrets?.['dynamic_active_secrets'] }).replaceAll(
      /"(\w+)":/g,
      (_, key: string) => `"${key.replaceAll(/_(\w)/g, (_all, letter: string) => letter.toUpperCase())}":`,
    );
    const from = await folder({
      'front-end-7d9c5bfc84-x2kqp.secret.json': camel,
      'front-end-7d9c5bfc84-x2kqp.certs.json': await page('1.36.4', 'certs.json'),
    });
    expect(camel).toContain('"inlineBytes"');
    const [recorded] = await readRecorded(from, taken);
    expect(recorded?.course.proxies).toMatchObject([{ workload: 'front-end', namespace: 'sock-shop' }]);
    expect(await told(from, taken)).toMatchObject([{ story: 'stale-repush' }]);
  });
});

describe('a course', () => {
  const course = (stale: boolean) => ({
    start: time(0),
    end: time(2.7),
    lifetimeSeconds: 60,
    proxies: [simulate({ events: times([0.45, 0.9, 1.35, 1.8, 2.25], stale ? 'repush' : 'renew') })],
    events: [],
  });

  it('is read as it was saved, and as the evidence of a check', async () => {
    const from = await folder({
      'course.json': JSON.stringify(course(true)),
      'evidence/CR-04.json': JSON.stringify({ schema: 1, facts: { course: course(false) } }),
    });
    expect((await told(from)).map(({ story }) => story)).toEqual(['stale-repush', 'rotating']);
  });

  it('may lie among the evidence of checks that watched no certificates', async () => {
    const other = JSON.stringify({ schema: 1, check: 'GS-02', probes: [], facts: {} });
    const from = await folder({ 'course.json': JSON.stringify(course(false)), 'GS-02.json': other });
    expect(await told(from)).toHaveLength(1);
    await expect(readRecorded(await folder({ 'GS-02.json': other }))).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('holds no recording of certificates'),
    });
  });

  it('counts once when its pages lie beside it', async () => {
    const own = await mkdtemp(join(dir, 'f-'));
    await cp(join(outage, 'front-end-envoy-1.36.4'), join(own, 'catalogue-1'), { recursive: true });
    await writeFile(join(own, 'course.json'), JSON.stringify(course(true)));
    expect(await told(own)).toHaveLength(1);
  });
});

describe('what is no recording', () => {
  it.each([
    ['text.json', 'not json', /text\.json is no JSON .*: expected a course/],
    ['other.json', '{"a":1}', /other\.json is nothing that certificates can be read from: expected a course/],
    [
      'course.json',
      '{"start":"x","proxies":[{"pod":"a"}]}',
      /course\.json is no course: (end|lifetimeSeconds|proxies)/,
    ],
    [
      'p/certs.json',
      '{"certificates":[{"cert_chain":[{"path":"x"}]}]}',
      /certs\.json is no page of Envoy's: certificates\.0\.cert_chain\.0\.serial_number/,
    ],
    ['p/config_dump.json', '{"configs":"none"}', /config_dump\.json is no page of Envoy's: configs/],
  ])('%s is refused by name, with what was expected', async (name, text, message) => {
    await expect(readRecorded(await folder({ [name]: text }))).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(message),
    });
  });

  it('may be an empty folder, or none', async () => {
    await expect(readRecorded(await folder({}))).rejects.toMatchObject({ exitCode: 2, message: /holds no file/ });
    await expect(readRecorded(join(dir, 'none'))).rejects.toMatchObject({ exitCode: 2, message: /cannot be read/ });
  });
});
