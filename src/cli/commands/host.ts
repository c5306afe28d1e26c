import { Command, Option } from 'commander';
import type { CommandContext } from '../context.ts';

/** The parts of a host that can run as processes of their own. */
export function gatewayCommand({ host }: CommandContext): Command {
  return new Command('gateway')
    .description('run a gateway, in the foreground')
    .action(() => host.gateway());
}

export function workerCommand({ host }: CommandContext): Command {
  return new Command('worker')
    .description('run a worker node, in the foreground')
    .addOption(new Option('--own-mounts').hideHelp())
    .action(({ ownMounts = false }: { readonly ownMounts?: boolean }) =>
      host.worker({ hasOwnMounts: ownMounts }),
    );
}
