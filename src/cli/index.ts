import { Command, CommanderError } from 'commander';
import type { HostConfig } from '../config/host-config.ts';
import { HostError } from '../domain/errors.ts';
import { ApiClient, ApiError } from './api-client.ts';
import { aliasCommand } from './commands/alias.ts';
import { deployCommand } from './commands/deploy.ts';
import { doctorCommand } from './commands/doctor.ts';
import { eventsCommand } from './commands/events.ts';
import { gatewayCommand, workerCommand } from './commands/host.ts';
import { keyCommand } from './commands/key.ts';
import { imageCommand } from './commands/image.ts';
import { inspectCommand } from './commands/inspect.ts';
import { invocationCommand } from './commands/invocation.ts';
import { invokeCommand } from './commands/invoke.ts';
import { logsCommand } from './commands/logs.ts';
import { lsCommand } from './commands/ls.ts';
import { networkCommand } from './commands/network.ts';
import { queueCommand } from './commands/queue.ts';
import { rmCommand } from './commands/rm.ts';
import { rollbackCommand } from './commands/rollback.ts';
import { secretCommand } from './commands/secret.ts';
import { sandboxCommand } from './commands/sandbox.ts';
import { trafficCommand } from './commands/traffic.ts';
import { scheduleCommand } from './commands/schedule.ts';
import { upCommand } from './commands/up.ts';
import { usageCommand } from './commands/usage.ts';
import { versionsCommand } from './commands/versions.ts';
import { volumeCommand } from './commands/volume.ts';
import type { CommandContext } from './context.ts';
import type { HostCommands } from './host-commands.ts';
import { createOutput, type Output } from './output.ts';

export interface CliOptions {
  readonly config: HostConfig;
  readonly host: HostCommands;
  readonly environment: NodeJS.ProcessEnv;
}

const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

/** Runs one `hearth` command and gives its exit code: 0 ok, 1 failed, 2 used wrongly. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<number> {
  const output = createOutput(process.stdout, process.stderr);
  const context = { ...options, output, client: new ApiClient(options.config) };
  try {
    await program(context).parseAsync(args, { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError)
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    report(error, output);
    return exitCodes.failed;
  }
}

function program(context: CommandContext): Command {
  const root = new Command('hearth')
    .description('A serverless-function host on machines of your own.')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  const commands = [
    upCommand,
    gatewayCommand,
    workerCommand,
    doctorCommand,
    deployCommand,
    invokeCommand,
    invocationCommand,
    queueCommand,
    lsCommand,
    inspectCommand,
    versionsCommand,
    rollbackCommand,
    trafficCommand,
    aliasCommand,
    imageCommand,
    logsCommand,
    eventsCommand,
    rmCommand,
    usageCommand,
    keyCommand,
    secretCommand,
    sandboxCommand,
    volumeCommand,
    networkCommand,
    scheduleCommand,
  ];
  for (const command of commands) root.addCommand(command(context).exitOverride());
  return root;
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
