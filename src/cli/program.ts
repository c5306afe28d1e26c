import { Command } from 'commander';
import { aliasCommand } from './commands/alias.ts';
import { applyCommand } from './commands/apply.ts';
import { backupCommand, restoreCommand } from './commands/backup.ts';
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
import { nodeCommand } from './commands/node.ts';
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
import { webhookCommand } from './commands/webhook.ts';
import type { CommandContext } from './context.ts';

/** The whole `hearth` command. Who uses it wrongly gets a CommanderError thrown, at every depth. */
export function program(context: CommandContext): Command {
  const root = new Command('hearth')
    .description('A serverless-function host on machines of your own.')
    .configureHelp({ showGlobalOptions: true });
  const commands = [
    upCommand,
    gatewayCommand,
    workerCommand,
    doctorCommand,
    deployCommand,
    applyCommand,
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
    nodeCommand,
    volumeCommand,
    webhookCommand,
    networkCommand,
    scheduleCommand,
    backupCommand,
    restoreCommand,
  ];
  for (const command of commands) root.addCommand(command(context));
  return throwing(root);
}

function throwing(command: Command): Command {
  for (const part of command.commands) throwing(part);
  return command.exitOverride();
}
