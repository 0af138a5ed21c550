import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '#cli/exit-code.ts';
import { explanation } from '#cli/explain.ts';
import { listed } from '#cli/list.ts';
import { commandLine, usualVerify, verify } from '#cli/verify.ts';
import { loadCatalogue, selectOne } from '#verdict/catalogue.ts';
import { partsOf } from '#verdict/plan.ts';

// An aborted signal: what passed the checks of the inputs would be stopped before it started anything.
const never = AbortSignal.abort();

describe('verify refuses', () => {
  it.each([
    ['an unknown id', ['GS-2'], {}, 'no check and no tag is called "GS-2"'],
    ['an unknown topology', ['GS-02'], { topology: 'sole' }, 'no topology is called "sole"'],
    ['a bad name of a lab', ['GS-02'], { name: 'My Lab' }, '"My Lab" cannot name a lab'],
    ['a twin that the check does not have', ['GS-02'], { sabotage: 'none' }, 'GS-02 has no twin called "none"'],
    ['sabotage of several checks', ['gateway-switch'], { sabotage: 'x' }, '--sabotage takes one check'],
    ['a capability that nobody needs', ['GS-02'], { without: ['sidecars'] }, '--without sidecars: no check needs that'],
    ['Istio of ours in a cluster of the user', ['GS-02'], { context: 'x', istio: 'older' as const }, '--istio chooses'],
    ['a provider without TLS', ['OA-04'], { idp: 'http://idp.test' }, '--idp http://idp.test: expected'],
    ['a revision without a context', ['GS-02'], { revision: 'x' }, '--revision belongs to --context'],
  ])('%s, and starts nothing', async (_, words, options, message) => {
    await expect(verify(words, { ...usualVerify, ...options }, never)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(message),
    });
  });
});

describe('the exit code', () => {
  it.each([
    [['pass', 'caught', 'unsupported', 'roadmap'], 0],
    [[], 0],
    [['pass', 'fail', 'inconclusive'], 1],
    [['pass', 'missed'], 1],
    [['pass', 'inconclusive', 'unsupported'], 3],
  ] as const)('of %j is %i', (verdicts, code) => {
    expect(exitCodeOf(verdicts.map((verdict) => ({ verdict })))).toBe(code);
  });
});

describe('the command in a report', () => {
  it('can be typed again', () => {
    expect(commandLine(['verify', 'GS-02', '--shard', '1/2'])).toBe('./meshwitness verify GS-02 --shard 1/2');
    expect(commandLine(['verify', "it's"])).toBe(String.raw`./meshwitness verify 'it'\''s'`);
  });
});

describe('what others rely on', () => {
  it('is the shape of `list --json`', async () => {
    const check = selectOne(await loadCatalogue(), 'GS-02');
    expect(listed(check)).toEqual({
      id: 'GS-02',
      title: expect.any(String),
      level: 'core',
      tags: expect.arrayContaining(['outage']),
      needs: expect.arrayContaining(['istio']),
      twins: [{ name: 'no-endpoints', breaks: expect.any(String) }],
    });
  });

  it('is that every check can be explained, down to the command that runs it', async () => {
    for (const check of await loadCatalogue()) {
      const text = await explanation(check);
      expect(text).toContain(check.story.why);
      expect(text).toContain(`./meshwitness verify ${check.id}`);
      expect(text).not.toContain('${');
      for (const image of await partsOf(check)) expect(text).toContain(image);
    }
  });
});
