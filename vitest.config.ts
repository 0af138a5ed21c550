import { defineConfig } from 'vitest/config';

const everywhere = ['src', 'suites', 'fixtures', 'scripts'];
const suffixed = (suffix: string): string[] => everywhere.map((folder) => `${folder}/**/*.${suffix}.test.ts`);
const minutes = 60_000;

/**
 * One project for each thing a test may stand on, named by the suffix of the file:
 * nothing (`unit`), a Docker engine (`machine`), the fixture image (`fixture`), a browser (`page`), a cluster (`lab`).
 * Those that share an engine or a cluster run one file after another.
 */
export default defineConfig({
  test: {
    passWithNoTests: true,
    projects: [
      {
        test: {
          name: 'unit',
          include: everywhere.map((folder) => `${folder}/**/*.test.ts`),
          exclude: ['machine', 'fixture', 'page', 'lab'].flatMap(suffixed).concat('**/node_modules/**'),
          // Half of the time went into reading the same modules for each file; none of them keeps what a test could miss.
          isolate: false,
          // By itself it leaves one core to vitest, which has little to do.
          maxWorkers: '100%',
          testTimeout: 10_000,
          // A busy machine may take longer than the second that is usual.
          expect: { poll: { timeout: 5_000 } },
        },
      },
      {
        test: {
          name: 'machine',
          include: suffixed('machine'),
          fileParallelism: false,
          testTimeout: 5 * minutes,
          hookTimeout: 30 * minutes,
        },
      },
      {
        test: {
          name: 'fixture',
          include: suffixed('fixture'),
          fileParallelism: false,
          testTimeout: 2 * minutes,
          hookTimeout: 30 * minutes,
        },
      },
      {
        test: {
          name: 'page',
          include: suffixed('page'),
          fileParallelism: false,
          testTimeout: 2 * minutes,
          hookTimeout: 2 * minutes,
        },
      },
      {
        test: {
          name: 'lab',
          include: suffixed('lab'),
          fileParallelism: false,
          testTimeout: 15 * minutes,
          hookTimeout: 60 * minutes,
        },
      },
    ],
  },
});
