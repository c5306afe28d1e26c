import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'vitest';

const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const limitMs = 200_000;

/**
 * Defines tests that mount in the whole process: they run in another one, in a mount namespace of
 * its own. Here they would show in every namespace that is made meanwhile, such as that of a worker
 * of another test, and stay mounted for as long as that lives.
 */
export function withOwnMounts(project: string, fileUrl: string, define: () => void): void {
  if (process.env['TEST_HAS_OWN_MOUNTS'] === '1') {
    define();
    return;
  }
  test(
    'all tests of this file pass in a mount namespace of their own',
    async () => {
      const command = [
        process.execPath,
        vitest,
        'run',
        '--project',
        project,
        fileURLToPath(fileUrl),
      ];
      const args = ['--mount', '--propagation', 'private', '--', ...command];
      const env = { ...process.env, TEST_HAS_OWN_MOUNTS: '1' };
      await promisify(execFile)('unshare', args, { env, timeout: limitMs }).catch(
        (error: { readonly stdout: string }) => {
          throw new Error(error.stdout);
        },
      );
    },
    limitMs,
  );
}
