import { CommanderError } from 'commander';
import type { HostConfig } from '../config/host-config.ts';
import { HostError } from '../domain/errors.ts';
import { ApiClient, ApiError } from './api-client.ts';
import type { HostCommands } from './host-commands.ts';
import { ExitWith, exitCodes } from './exit-codes.ts';
import { createOutput, type Output } from './output.ts';
import { program } from './program.ts';

export interface CliOptions {
  readonly config: HostConfig;
  readonly host: HostCommands;
  readonly environment: NodeJS.ProcessEnv;
}

/** Runs one `hearth` command and gives its exit code: 0 ok, 1 failed, 2 used wrongly, 3 a difference. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<number> {
  const output = createOutput(process.stdout, process.stderr);
  const context = { ...options, output, client: new ApiClient(options.config) };
  try {
    await program(context).parseAsync(args, { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError)
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (error instanceof ExitWith) return error.exitCode;
    report(error, output);
    return exitCodes.failed;
  }
}

/** Known failures in one sentence; anything else is a defect and is shown whole. */
function report(error: unknown, output: Output): void {
  if (error instanceof ApiError) {
    const { invocationId, error: thrown } = error.body;
    output.note(`error: ${error.message}`);
    if (thrown?.stack !== undefined) output.note(thrown.stack);
    if (invocationId !== undefined) output.note(`invocation: ${invocationId}`);
  } else if (error instanceof HostError && error.code !== 'internal') {
    output.note(`error: ${error.message}`);
  } else {
    output.note(
      `error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }
}
