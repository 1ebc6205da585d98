import { configDefaults, defineConfig } from 'vitest/config';

/** Short tests of functions of their arguments, which leave nothing to the next file. */
const pure = ['src/{fit,recommend,runs,train/graph,train/text}/**/!(coverage).test.ts', 'src/flops/*.test.ts'];

/** Whole sweeps and what befalls them: minutes of training, with tests of their own in `npm run test:sweeps`. */
const sweeps = ['tests/sweeps/*.test.ts'];

export default defineConfig({
  test: {
    // What takes a second takes many on a machine that is busy.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: '100%',
    projects: [
      {
        extends: true,
        // Most of them take less time than a process of their own would.
        test: { name: 'pure', include: pure, isolate: false },
      },
      {
        extends: true,
        test: {
          name: 'isolated',
          include: ['src/**/*.test.ts', 'tests/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...pure, ...sweeps],
          globalSetup: ['tests/build-package.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'sweeps',
          include: sweeps,
          // Each takes all cores.
          fileParallelism: false,
          globalSetup: ['tests/build-package.ts'],
        },
      },
    ],
  },
});
