import type { Reporter, TestModule } from 'vitest/node';

type Counts = Record<'passed' | 'failed' | 'skipped', number>;

/**
 * Ends a run with one line for machines, `N passed, N failed, N skipped`, after the skipped tests
 * with their reasons. What could not even be loaded counts as failed.
 */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts: Counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    const skipped: string[] = [];
    for (const module of modules) {
      counts.failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'pending') continue;
        counts[result.state] += 1;
        if (result.state === 'skipped') {
          skipped.push(`skipped: ${test.fullName} (${result.note ?? 'no reason given'})`);
        }
      }
    }
    const { passed, failed } = counts;
    const closing = `${passed} passed, ${failed} failed, ${counts.skipped} skipped`;
    process.stdout.write(`${[...skipped, '', closing].join('\n')}\n`);
  }
}
