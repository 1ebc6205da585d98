import { configDefaults, defineConfig } from 'vitest/config';

/** Short tests of functions of their arguments, which leave nothing to the next file. */
const pure = ['src/{fit,recommend,runs,train/graph,train/text}/**/!(coverage).test.ts', 'src/flops/*.test.ts'];

/** What takes minutes, in `npm run test:long`: whole sweeps and what befalls them, and a GPU that a processor plays. */
const long = ['tests/sweeps/*.test.ts', 'src/train/engines/webgpu.test.ts'];

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
          exclude: [...configDefaults.exclude, ...pure, ...long],
          globalSetup: ['tests/build-package.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'long',
          include: long,
          // Each takes all cores.
          fileParallelism: false,
          globalSetup: ['tests/build-package.ts'],
        },
      },
    ],
  },
});
