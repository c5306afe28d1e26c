import { HostError } from '../domain/errors.ts';
import { exec } from '../lib/exec.ts';

/** A large image takes minutes to build. */
const buildLimitMs = 30 * 60_000;

/**
 * Runs the command that `hearth.json` names as its `build`, in the function's folder and with the
 * caller's environment. @throws HostError `invalid` with its own last words.
 */
export async function runBuild(
  command: string,
  dir: string,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const options = { cwd: dir, env: environment, timeoutMs: buildLimitMs };
  await exec('sh', ['-c', command], options).catch((cause: unknown) => {
    throw new HostError(
      'invalid',
      'cli.build_failed',
      `"build" of hearth.json failed, nothing is deployed: ${(cause as Error).message}`,
      { cause },
    );
  });
}
