import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Starts one of `test/support/programs` in a mount namespace of its own, as workers are. */
export function startInOwnMounts(program: string, ...args: readonly string[]): ChildProcess {
  const file = fileURLToPath(new URL(`programs/${program}.ts`, import.meta.url));
  const command = [process.execPath, file, ...args];
  return spawn('unshare', ['--mount', '--propagation', 'private', '--', ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
