import { defineConfig } from 'vitest/config';

/** One project per kind of test (see test/README.md); what needs the machine runs one file at a time. */
const project = (name: string, testTimeout: number, fileParallelism: boolean) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout,
    hookTimeout: testTimeout,
    pool: 'forks' as const,
    fileParallelism,
    setupFiles: ['./test/support/patient-waiting.ts'],
  },
});

export default defineConfig({
  test: {
    reporters: ['default', './test/support/closing-line-reporter.ts'],
    projects: [
      project('unit', 90_000, true),
      project('contract', 90_000, false),
      project('integration', 120_000, false),
      project('e2e', 240_000, false),
      project('hostile', 180_000, false),
      project('chaos', 180_000, false),
    ],
  },
});
