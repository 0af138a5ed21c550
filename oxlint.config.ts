import { defineConfig, type OxlintOverride } from 'oxlint';

/** Imports go one way: each layer may use itself and those before it. */
const layers = ['support', 'machine', 'lab', 'install', 'probe', 'witness', 'load', 'verdict'];
/** These sit beside `verdict`, and may use all of the layers. */
const beside = ['lint', 'gate', 'diagnose'];
const everything = [...layers, ...beside, 'report', 'cli', 'fixtures', 'suites', 'scripts'];

const oneWay = `Imports go one way: ${layers.join(' <- ')} <- fixtures <- suites; report reads results only.`;
const noSleep = 'No sleeping: wait for a condition with `until` of #support/wait.ts.';
const acrossFolders = {
  regex: String.raw`^(\.\./)+(${everything.join('|')}|src)/`,
  message: 'Name another layer by its package import, such as #lab/lab.ts.',
};
const sleepers = [
  ...['timers', 'timers/promises', 'node:timers', 'node:timers/promises'].map((name) => ({ name, message: noSleep })),
  ...['zx', 'zx/core'].map((name) => ({ name, importNames: ['sleep'], message: noSleep })),
];

interface Exception {
  regex: string;
  message: string;
}

/** In these files, only these layers may be imported; and the fixture server's protocol, which imports nothing itself. */
function only(files: string[], allowed: string[], ...exceptions: Exception[]): OxlintOverride {
  const banned = everything.filter((layer) => !allowed.includes(layer));
  const others = banned.filter((layer) => layer !== 'fixtures');
  const patterns = [acrossFolders, { regex: `^#(${others.join('|')})/`, message: oneWay }, ...exceptions];
  // The linter's patterns cannot look ahead: all of fixtures but what begins as server/protocol does.
  if (others.length < banned.length) patterns.push({ regex: '^#fixtures/([^s]|s[^e]|server/[^p])', message: oneWay });
  return { files, rules: { 'no-restricted-imports': ['error', { paths: sleepers, patterns }] } };
}

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'promise', 'node', 'vitest'],
  options: { typeAware: true },
  categories: { correctness: 'error', suspicious: 'error' },
  ignorePatterns: ['reports', '**/node_modules'],
  rules: {
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/await-thenable': 'error',
    'typescript/return-await': 'error',
    'typescript/switch-exhaustiveness-check': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/consistent-type-imports': 'error',
    'typescript/only-throw-error': 'error',
    'import/no-cycle': 'error',
    'import/no-self-import': 'error',
    'max-lines': ['error', { max: 300 }],
    // JSON from other programs is checked with zod where it matters; elsewhere an assertion says what is known.
    'typescript/no-unsafe-type-assertion': 'off',
    // A check's expectation is named `then`, which is no promise.
    'unicorn/no-thenable': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'promise/always-return': 'off',
    'promise/no-callback-in-promise': 'off',
    'import/no-unassigned-import': 'off',
    'import/no-named-as-default-member': 'off',
    'no-underscore-dangle': 'off',
    'no-await-in-loop': 'off',
    // The second one is what a failure says.
    'vitest/valid-expect': ['error', { maxArgs: 2 }],
  },
  overrides: [
    ...layers.map((layer, index) => only([`src/${layer}/**`], layers.slice(0, index + 1))),
    only(
      beside.map((folder) => `src/${folder}/**`),
      [...layers, ...beside],
    ),
    only(['src/report/**'], ['support', 'report', 'verdict'], {
      regex: '^#verdict/([^r]|r[^e]|re[^s])',
      message: 'report knows #verdict/result.ts, the schema of its files, and nothing else of verdict.',
    }),
    only(['src/cli/**'], [...layers, ...beside, 'report', 'cli', 'fixtures']),
    only(['fixtures/*.ts'], [...layers, 'fixtures']),
    only(['suites/**'], [...layers, 'gate', 'diagnose', 'fixtures', 'suites']),
    {
      files: ['src/**', 'suites/**'],
      rules: {
        'no-restricted-globals': [
          'error',
          ...['setTimeout', 'setInterval'].map((name) => ({ name, message: noSleep })),
        ],
      },
    },
    { files: ['**/*.test.ts'], rules: { 'typescript/unbound-method': 'off' } },
  ],
});
