import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  amountFinding,
  atLeast,
  inotifyFinding,
  isReady,
  programFinding,
  versionIn,
  type Finding,
} from '#machine/requirements.ts';

const go = { name: 'go', need: 'build', least: '1.21.0', mend: 'install go', purpose: 'to build' } as const;

describe('versions', () => {
  it.each([
    ['go version go1.26.8 linux/amd64', '1.26.8'],
    ['gcc (Debian 12.2.0-14+deb12u1) 12.2.0', '12.2.0'],
    ['go version go1.21 linux/amd64', '1.21.0'],
    ['v24.21.0', '24.21.0'],
    ['no version here', undefined],
  ])('in %j is %j', (text, version) => expect(versionIn(text)).toBe(version));

  it('are compared by number, not by letter', () => {
    expect(atLeast('20.10.0', '20.9.0')).toBe(true);
    expect(atLeast('9.0.0', '10.0.0')).toBe(false);
    expect(atLeast('1.21.0', '1.21.0')).toBe(true);
  });

  test('compare as their numbers do', () => {
    const part = fc.nat({ max: 200 });
    fc.assert(
      fc.property(fc.tuple(part, part, part), fc.tuple(part, part, part), (left, right) => {
        const index = left.findIndex((number, at) => number !== right[at]);
        const expected = index < 0 || (left[index] ?? 0) > (right[index] ?? 0);
        expect(atLeast(left.join('.'), right.join('.'))).toBe(expected);
      }),
    );
  });
});

describe('findings', () => {
  it('tell found, missing and too old apart, and say what mends the last two', () => {
    expect(programFinding(go, 'go1.26.8')).toEqual({
      name: 'go',
      need: 'build',
      state: 'found',
      seen: '1.26.8',
      wanted: '1.21 or later, to build',
    });
    expect(programFinding(go, 'go1.19.8')).toMatchObject({ state: 'too old', seen: '1.19.8', mend: 'install go' });
    expect(programFinding(go)).toMatchObject({ state: 'missing', mend: 'install go' });
  });

  it('call a program without a readable version too old only where an age matters', () => {
    expect(programFinding(go, 'devel')).toMatchObject({ state: 'too old', seen: 'found' });
    expect(programFinding({ name: 'x', need: 'build', mend: 'm', purpose: 'p' }, 'devel').state).toBe('found');
  });

  it('name what is free and what is needed', () => {
    expect(amountFinding('disk', 9.99e9, 10e9, 'make room')).toMatchObject({
      state: 'too little',
      seen: '9.9 GB',
      wanted: '10 GB or more',
      mend: 'make room',
    });
    expect(amountFinding('disk', 10e9, 10e9, 'make room')).toMatchObject({ state: 'found' });
  });

  it('raise only the limits that are too low', () => {
    const finding = inotifyFinding({ max_user_instances: 128, max_user_watches: 1_048_576 });
    expect(finding).toMatchObject({ state: 'too little', mend: 'sysctl -w fs.inotify.max_user_instances=512' });
    expect(inotifyFinding({ max_user_instances: 512, max_user_watches: 524_288 }).state).toBe('found');
  });
});

describe('readiness', () => {
  const finding = (need: Finding['need'], state: Finding['state']): Finding => ({
    name: 'x',
    need,
    state,
    seen: '',
    wanted: '',
  });

  it('asks for what builds need only where nothing can be pulled', () => {
    expect(isReady([finding('build', 'missing')], true)).toBe(true);
    expect(isReady([finding('build', 'missing')], false)).toBe(false);
  });

  it('asks for what every run needs, and for nothing optional', () => {
    expect(isReady([finding('required', 'fails')], true)).toBe(false);
    expect(isReady([finding('optional', 'missing'), finding('advised', 'too little')], false)).toBe(true);
  });
});
